"""Importance matrices against numpy, computed from the oracle's taps, and against readers that are not ours."""

import json
import os
import pathlib
import struct
import subprocess

import gguf
import numpy as np

from tests.foreign import tiny

ASSAY = os.environ["ASSAY_BINARY"]
DUMP_TAPS = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs" / "dump_taps"
KINGJAMES = pathlib.Path(__file__).parents[2] / "models" / "kingjames-7m.f16.gguf"
CONTEXT, CHUNKS, BLOCKS = 96, 2, 6

# What each matrix is multiplied with.
INPUT_TAPS = {"attn_q": "attn_norm", "attn_k": "attn_norm", "attn_v": "attn_norm", "attn_output": "attn",
              "ffn_gate": "ffn_norm", "ffn_up": "ffn_norm", "ffn_down": "ffn_act"}


def write_text(folder):
    text = folder / "text.txt"
    text.write_text("In the beginning God created the heaven and the earth. And the earth was without form, and void; and "
                    "darkness was upon the face of the deep. And the Spirit of God moved upon the face of the waters. " * 6)
    return text


def collect(folder, name, *options):
    subprocess.run([ASSAY, "imatrix", KINGJAMES, "--text", write_text(folder), "--ctx", str(CONTEXT), "--chunks",
                    str(CHUNKS), "-o", folder / name, *options], check=True, capture_output=True)
    return folder / name


def read(path):
    tensors = {tensor.name: np.array(tensor.data, np.float64).ravel() for tensor in gguf.GGUFReader(path).tensors}
    return {name.removesuffix(".in_sum2"): (sums, tensors[name.removesuffix(".in_sum2") + ".counts"])
            for name, sums in tensors.items() if name.endswith(".in_sum2")}


def by_definition(folder):
    text = write_text(folder).read_text()
    run = subprocess.run([ASSAY, "tokenize", KINGJAMES, "-p", text, "--json"], check=True, capture_output=True, text=True)
    ids = json.loads(run.stdout)["ids"]
    sums = {}
    for chunk in range(CHUNKS):
        tokens = [1, *ids[chunk * CONTEXT + 1:(chunk + 1) * CONTEXT]]
        taps = folder / f"taps{chunk}"
        subprocess.run([DUMP_TAPS, KINGJAMES, "oracle", taps, *map(str, tokens)], check=True)
        for block in range(BLOCKS):
            for matrix, tap in INPUT_TAPS.items():
                squares = (np.load(taps / f"blk.{block}.{tap}.npy") ** 2).sum(axis=0)
                name = f"blk.{block}.{matrix}.weight"
                sums[name] = sums.get(name, 0) + squares
    return sums


def test_sums_are_the_squares_of_each_matrixs_inputs(tmp_path):
    expected = by_definition(tmp_path)
    for engine, tolerance in (("oracle", 1e-6), ("fast", 1e-3)):
        found = read(collect(tmp_path, "imatrix.gguf", "--engine", engine))
        assert found.keys() == expected.keys()
        for name, (sums, counts) in found.items():
            assert counts == [CONTEXT * CHUNKS]
            assert np.linalg.norm(sums - expected[name]) <= tolerance * np.linalg.norm(expected[name]), name


def test_each_expert_has_the_sums_of_its_own_tokens(tmp_path):
    model = tiny.make(tmp_path, "--experts 5 --feed-forward 32 --blocks 1")
    subprocess.run([ASSAY, "imatrix", model, "--text", write_text(tmp_path), "--ctx", "64", "--chunks", "1", "-o",
                    tmp_path / "imatrix.gguf", "--engine", "oracle"], check=True, capture_output=True)
    run = subprocess.run([ASSAY, "tokenize", model, "-p", write_text(tmp_path).read_text(), "--json"], check=True,
                         capture_output=True, text=True)
    taps = tmp_path / "taps"
    subprocess.run([DUMP_TAPS, model, "oracle", taps, *map(str, json.loads(run.stdout)["ids"][:64])], check=True)
    chosen = np.load(taps / "blk.0.ffn_experts.npy").astype(int)
    one, each = np.load(taps / "blk.0.ffn_norm.npy"), np.load(taps / "blk.0.ffn_expert_act.npy").reshape(64, 2, 32)
    found = read(tmp_path / "imatrix.gguf")
    assert found["blk.0.ffn_gate_inp.weight"][1] == [64]
    for expert in range(5):
        rows, slots = np.nonzero(chosen == expert)
        for name, x in (("gate", one[rows]), ("up", one[rows]), ("down", each[rows, slots])):
            sums, counts = found[f"blk.0.ffn_{name}_exps.weight"]
            assert counts[expert] == len(rows)
            assert np.allclose(sums.reshape(5, -1)[expert], (x ** 2).sum(axis=0), rtol=1e-5), (name, expert)


def test_both_formats_say_the_same(tmp_path):
    path = collect(tmp_path, "imatrix.gguf")
    fields = {key: field.contents() for key, field in gguf.GGUFReader(path).fields.items() if not key.startswith("GGUF.")}
    assert fields == {"general.type": "imatrix", "imatrix.datasets": [str(tmp_path / "text.txt")],
                      "imatrix.chunk_count": CHUNKS, "imatrix.chunk_size": CONTEXT}
    data = collect(tmp_path, "imatrix.dat").read_bytes()
    entries, at = {}, 4
    for _ in range(struct.unpack_from("<i", data)[0]):
        length = struct.unpack_from("<i", data, at)[0]
        name = data[at + 4:at + 4 + length].decode()
        at += 4 + length
        calls, values = struct.unpack_from("<ii", data, at)
        entries[name] = np.frombuffer(data, "<f4", values, at + 8) / calls
        at += 8 + 4 * values
    chunks, length = struct.unpack_from("<ii", data, at)
    assert chunks == CHUNKS and data[at + 8:] == str(tmp_path / "text.txt").encode() and length == len(data) - at - 8
    in_gguf = read(path)
    assert entries.keys() == in_gguf.keys()
    for name, means in entries.items():
        assert np.allclose(means, in_gguf[name][0] / in_gguf[name][1], rtol=1e-6)


def test_quantize_takes_both_formats(tmp_path):
    outputs = []
    for name in "imatrix.gguf", "imatrix.dat":
        subprocess.run([ASSAY, "quantize", KINGJAMES, tmp_path / f"{name}.out", "Q4_0", "--imatrix",
                        collect(tmp_path, name)], check=True, capture_output=True)
        outputs.append({t.name: t.data.tobytes() for t in gguf.GGUFReader(tmp_path / f"{name}.out").tensors})
    same = sum(outputs[0][name] == data for name, data in outputs[1].items())
    # Means are stored times the calls in one format and as sums in the other: some last bits differ.
    assert same >= 0.9 * len(outputs[0])


def refused(folder, model, output):
    run = subprocess.run([ASSAY, "imatrix", model, "--text", write_text(folder), "--ctx", str(CONTEXT), "--chunks", "1", "-o",
                          output], capture_output=True, text=True)
    assert run.returncode == 2 and (output == model or not output.exists())
    return run.stderr


def test_inputs_that_are_not_finite_and_outputs_that_cannot_be(tmp_path):
    model = tmp_path / "model.gguf"
    model.write_bytes(KINGJAMES.read_bytes())
    tensor, = (t for t in gguf.GGUFReader(KINGJAMES).tensors if t.name == "blk.3.attn_output.weight")
    with open(model, "r+b") as file:
        file.seek(tensor.data_offset)
        file.write(np.float16(np.inf).tobytes())
    data = model.read_bytes()
    assert "what 'blk.3.ffn_gate.weight' is multiplied with is not finite" in refused(tmp_path, model, tmp_path / "out.gguf")
    # Before the work, or its error would come first.
    assert "both input and output" in refused(tmp_path, model, model) and model.read_bytes() == data
    assert "none/out.gguf" in refused(tmp_path, model, tmp_path / "none" / "out.gguf")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.gguf", "text.txt"]
