"""`assay compare --weights` against numpy: errors, planted damage, and the orders in which converters put tensors."""

import json
import os
import pathlib
import subprocess

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.foreign import formats, tiny
from tests.foreign.engine import Model

ASSAY = os.environ["ASSAY_BINARY"]
TINYSTORIES = pathlib.Path(os.environ["ASSAY_DATA"]) / "models" / "tinystories-656k"
HEADS, KV_HEADS, WIDTH = 4, 2, 64
HEAD_WIDTH = WIDTH // HEADS

HUGGING_FACE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
IN_LAYER = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
            "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
            "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


def hugging_face_name(name):
    stem, _, kind = name.rpartition(".")
    if stem in HUGGING_FACE:
        return f"{HUGGING_FACE[stem]}.{kind}"
    _, layer, part = stem.split(".")
    return f"model.layers.{layer}.{IN_LAYER[part]}.{kind}"


def weights(seed=1):
    random = np.random.default_rng(seed)

    def matrix(rows, columns):
        return random.normal(0, 0.1, (rows, columns)).astype(np.float32)

    tensors = {"token_embd.weight": matrix(96, WIDTH), "output.weight": matrix(96, WIDTH),
               "output_norm.weight": random.normal(1, 0.1, WIDTH).astype(np.float32)}
    for blk in ("blk.0.", "blk.1."):
        for name, rows, columns in [("attn_q", WIDTH, WIDTH), ("attn_k", HEAD_WIDTH * KV_HEADS, WIDTH),
                                    ("attn_v", HEAD_WIDTH * KV_HEADS, WIDTH), ("attn_output", WIDTH, WIDTH),
                                    ("ffn_gate", 160, WIDTH), ("ffn_up", 160, WIDTH), ("ffn_down", WIDTH, 160)]:
            tensors[f"{blk}{name}.weight"] = matrix(rows, columns)
        for name in ("attn_norm", "ffn_norm"):
            tensors[f"{blk}{name}.weight"] = random.normal(0.4, 0.1, WIDTH).astype(np.float32)
        tensors[f"{blk}attn_q.bias"] = random.normal(0, 1, WIDTH).astype(np.float32)
    return tensors


def write_gguf(path, tensors, architecture="llama", kind=gguf.GGMLQuantizationType.F32):
    """Matrices in the type asked for, as the package gguf quantizes; vectors in float32."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_embedding_length(WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    for name, values in tensors.items():
        raw_type = kind if values.ndim > 1 else gguf.GGMLQuantizationType.F32
        data = values if isinstance(values, Raw) else gguf.quants.quantize(values, raw_type)
        writer.add_tensor(name, np.asarray(data), raw_dtype=raw_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


class Raw(np.ndarray):
    """Bytes of quantized blocks."""


def permute(values, head_width):
    """As a converter does for rope: of each head, row 2 i + h of the result is row i + h * half."""
    heads = values.reshape(-1, 2, head_width // 2, *values.shape[1:])
    return np.ascontiguousarray(heads.swapaxes(1, 2).reshape(values.shape))


def compare(*arguments, exit=0):
    result = subprocess.run([ASSAY, "compare", "--weights", "--json", *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == exit, result.stderr + result.stdout
    [candidate] = json.loads(result.stdout)["candidates"]
    return candidate, {tensor["name"]: tensor for tensor in candidate["tensors"]}


def assert_numpys(tensor, reference, candidate):
    """The figures of one tensor whose values are given in the candidate's order."""
    r, c = reference.astype(np.float64), candidate.astype(np.float64)
    d = c - r
    assert tensor["shape"] == list(candidate.shape) and tensor["values"] == c.size
    assert np.isclose(tensor["relative_error"], np.linalg.norm(d) / np.linalg.norm(r), rtol=1e-10)
    assert np.isclose(tensor["rms_reference"], np.sqrt(np.mean(r**2)), rtol=1e-10)
    assert np.isclose(tensor["rms_candidate"], np.sqrt(np.mean(c**2)), rtol=1e-10)
    assert tensor["max_error"] == np.abs(d).max()
    if not d.any():
        assert tensor["sqnr_db"] is None and tensor["worst_blocks"] == []
        return
    assert np.isclose(tensor["sqnr_db"], 10 * np.log10(np.sum(r**2) / np.sum(d**2)), rtol=1e-10)
    if c.ndim == 1:
        return
    assert abs(d[tuple(tensor["max_at"])]) == tensor["max_error"]
    columns = -(-c.shape[1] // tensor["block_values"]) * tensor["block_values"]
    padded = np.pad(d, ((0, 0), (0, columns - c.shape[1])))
    squares = np.sum(padded.reshape(-1, tensor["block_values"])**2, axis=1)
    worst = np.sort(squares)[::-1][:3]
    assert np.allclose([squares[block["index"]] for block in tensor["worst_blocks"]], worst, rtol=1e-10)
    assert np.allclose([block["share"] for block in tensor["worst_blocks"]], worst / squares.sum(), rtol=1e-10)
    last = c.shape[1] - columns + tensor["block_values"]
    counts = [last if (block["index"] + 1) * tensor["block_values"] % columns == 0 else tensor["block_values"]
              for block in tensor["worst_blocks"]]
    assert np.allclose([block["error"] for block in tensor["worst_blocks"]], np.sqrt(worst / counts), rtol=1e-10)


@pytest.mark.parametrize("name", ["F16", "BF16", "Q8_0", "Q5_0", "Q4_1", "Q4_0"])
def test_errors_are_numpys(name, tmp_path):
    kind = gguf.GGMLQuantizationType[name]
    tensors = weights()
    _, ours = compare(write_gguf(tmp_path / "a.gguf", tensors), write_gguf(tmp_path / "b.gguf", tensors, kind=kind))
    assert ours.keys() == tensors.keys()
    for tensor, reference in tensors.items():
        candidate = reference
        if reference.ndim > 1:
            candidate = formats.values(name, gguf.quants.quantize(reference, kind)).reshape(reference.shape)
        assert_numpys(ours[tensor], reference, candidate)
        assert ours[tensor]["note"] == "" and not ours[tensor]["suspicious"]
    errors = [tensor["relative_error"] for tensor in compare(tmp_path / "a.gguf", tmp_path / "b.gguf")[0]["tensors"]]
    assert errors == sorted(errors, reverse=True)


def test_threads_change_nothing(tmp_path):
    tensors = weights()
    tensors["big.weight"] = np.random.default_rng(9).normal(0, 1, (3000, 96)).astype(np.float32)
    files = [write_gguf(tmp_path / "a.gguf", tensors),
             write_gguf(tmp_path / "b.gguf", tensors, kind=gguf.GGMLQuantizationType.Q4_0)]
    assert compare(*files, "--threads", 1) == compare(*files, "--threads", 3)


def to_hugging_face(tensors):
    """What a converter was given: its permutation of q and k undone."""
    def undo(name, values):
        if ".attn_q." in name or ".attn_k." in name:
            heads = values.reshape(-1, HEAD_WIDTH // 2, 2, *values.shape[1:])
            return np.ascontiguousarray(heads.swapaxes(1, 2).reshape(values.shape))
        return values

    return {hugging_face_name(name): undo(name, values) for name, values in tensors.items()}


@pytest.mark.parametrize("shards", [1, 3])
def test_the_permutation_of_converters_is_legal(shards, tmp_path):
    tensors = weights()
    converted = write_gguf(tmp_path / "b.gguf", tensors, kind=gguf.GGMLQuantizationType.Q8_0)
    original = to_hugging_face(tensors)
    folder = tmp_path / "model"
    folder.mkdir()
    for shard in range(shards):
        names = sorted(original)[shard::shards]
        save_file({name: original[name] for name in names}, folder / f"model-{shard}.safetensors")
    source = folder if shards > 1 else folder / "model-0.safetensors"
    for files, kind in (((source, converted), "halves_to_pairs"), ((converted, source), "pairs_to_halves")):
        found, ours = compare(*files)
        assert found["missing"] == found["extra"] == found["mismatched"] == [] and ours.keys() == tensors.keys()
        for name, tensor in ours.items():
            permuted = ".attn_q." in name or ".attn_k." in name
            assert tensor["arrangement"] == (kind if permuted else "same"), name
            assert tensor["note"] == ("rows permuted as convert_hf_to_gguf does for rope; legal" if permuted else "")
            assert tensor["head_width"] == (HEAD_WIDTH if permuted else None)
            assert tensor["relative_error"] < 0.01 and not tensor["suspicious"]


def planted(change, tmp_path, exit=1, reference_architecture="llama", **arguments):
    tensors, changed = weights(), weights()
    change(changed)
    return compare(write_gguf(tmp_path / "a.gguf", tensors, reference_architecture),
                   write_gguf(tmp_path / "b.gguf", changed, **arguments), exit=exit)


def test_orders_that_no_converter_makes(tmp_path):
    names = ["blk.0.attn_q.weight", "blk.1.attn_k.weight", "blk.0.ffn_up.weight", "blk.1.attn_output.weight",
             "blk.1.ffn_gate.weight", "blk.0.attn_norm.weight", "output_norm.weight", "token_embd.weight"]

    def change(tensors):
        tensors["blk.0.attn_q.weight"] = permute(tensors["blk.0.attn_q.weight"], HEAD_WIDTH)
        # With as many heads as q has.
        tensors["blk.1.attn_k.weight"] = permute(tensors["blk.1.attn_k.weight"], HEAD_WIDTH // 2)
        tensors["blk.0.ffn_up.weight"] = np.ascontiguousarray(tensors["blk.0.ffn_up.weight"].T)
        tensors["blk.1.attn_output.weight"] = np.ascontiguousarray(tensors["blk.1.attn_output.weight"].T)
        tensors["blk.1.ffn_gate.weight"] = tensors["blk.1.ffn_gate.weight"].reshape(WIDTH, 160)
        tensors["blk.0.attn_norm.weight"] += 1
        tensors["output_norm.weight"] -= 1
        tensors["token_embd.weight"] *= 8

    _, ours = planted(change, tmp_path)
    notes = [ours[name]["note"] for name in names]
    assert notes == [f"rows permuted within heads of {HEAD_WIDTH}, rotary halves made pairs",
                     f"rows permuted within heads of {HEAD_WIDTH // 2}, rotary halves made pairs, where the model's heads are "
                     f"{HEAD_WIDTH} wide",
                     "transposed", "transposed", "rows and columns are exchanged in the shape, the bytes lie in the same order",
                     "the reference plus 1", "the reference minus 1", "the reference times 8"]
    for name, tensor in ours.items():
        assert tensor["suspicious"] == (name in names), name
        # In the right order they are the same.
        assert tensor["relative_error"] < 1e-6 or name == "token_embd.weight", name


def test_a_lost_permutation_is_seen(tmp_path):
    """A file of the llama architecture whose q has the rows of the original."""
    tensors = weights()
    original = to_hugging_face(tensors)
    save_file(original, tmp_path / "a.safetensors")
    tensors["blk.0.attn_q.weight"] = original["model.layers.0.self_attn.q_proj.weight"]
    _, ours = compare(tmp_path / "a.safetensors", write_gguf(tmp_path / "b.gguf", tensors), exit=1)
    assert [name for name, tensor in ours.items() if tensor["suspicious"]] == ["blk.0.attn_q.weight"]
    assert "wants them permuted for rope" in ours["blk.0.attn_q.weight"]["note"]


def test_norms_of_gemma(tmp_path):
    tensors = {name: values for name, values in weights().items() if ".attn_q." not in name and ".attn_k." not in name}
    save_file(to_hugging_face(tensors), tmp_path / "a.safetensors")
    plus_one = {name: values + 1 if values.ndim == 1 else values for name, values in tensors.items()}
    path = write_gguf(tmp_path / "b.gguf", plus_one, "gemma")
    _, ours = compare(tmp_path / "a.safetensors", path)
    for name, tensor in ours.items():
        norm = name.endswith("norm.weight")
        assert tensor["note"].endswith("norms kept as 1 + w; legal") == norm and tensor["offset"] == (1 if norm else 0)


@pytest.mark.parametrize("mean", [0.4, 300])
def test_norms_of_gemma_however_large(mean, tmp_path):
    tensors = weights()
    tensors["output_norm.weight"] += np.float32(mean)
    save_file({hugging_face_name(name): np.ascontiguousarray(values) for name, values in tensors.items()},
              tmp_path / "model.safetensors")
    path = write_gguf(tmp_path / "gemma.gguf", {name: values + (1 if name == "output_norm.weight" else 0)
                                                for name, values in tensors.items()}, "gemma2")
    norm = compare(tmp_path / "model.safetensors", path)[1]["output_norm.weight"]
    assert norm["offset"] == 1 and norm["note"].endswith("legal") and norm["relative_error"] < 1e-6


@pytest.mark.parametrize("arguments", ["--type NVFP4 --embedding-type F32", "--scaled"])
def test_factors_beside_tensors(arguments, tmp_path):
    """What a file means by a tensor is its values times its factor; a file of that, and one with another factor."""
    path = tiny.make(tmp_path, arguments)
    model = Model(path)
    meant, writer = {}, gguf.GGUFWriter(tmp_path / "meant.gguf", "llama")
    for name in model.tensors:
        if name.endswith(".scale"):
            continue
        factor = model.weight(name.removesuffix("weight") + "scale")
        meant[name] = (model.weight(name) * (1 if factor is None else factor[0])).astype(np.float32)
        writer.add_tensor(name, meant[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    result, tensors = compare(path, tmp_path / "meant.gguf")
    assert not result["missing"] and not result["extra"] and result["relative_error"] < 1e-7
    assert tensors.keys() == meant.keys()


def test_damage_is_counted(tmp_path):
    kind = gguf.GGMLQuantizationType.Q8_0
    name = "blk.0.ffn_down.weight"

    def damage(tensors):
        raw = gguf.quants.quantize(tensors[name], kind)
        blocks = raw.reshape(-1, 34)
        blocks[7, :2] = np.frombuffer(np.float16(np.inf).tobytes(), np.uint8)
        blocks[9, :2] = np.frombuffer(np.float16(65504).tobytes(), np.uint8)
        blocks[9, 2:] = 1
        blocks[11] = 0
        blocks[12, 2:] = 0
        tensors[name] = raw.view(Raw)

    _, ours = planted(damage, tmp_path, kind=kind)
    tensor = ours[name]
    # Infinity times a quant of 0 is no number either.
    assert tensor["non_finite_candidate"] == 32 and tensor["non_finite_reference"] == 0
    assert tensor["first_non_finite_block"] == 7 and tensor["saturated_scales"] == 2 and tensor["lost_blocks"] == 2
    assert tensor["worst_blocks"][0]["index"] == 9 and tensor["worst_blocks"][0]["share"] > 0.99
    assert [other for other in ours if ours[other]["suspicious"]] == [name]


def test_tensors_that_only_one_file_has(tmp_path):
    def change(tensors):
        del tensors["blk.1.ffn_up.weight"]
        tensors["new.weight"] = tensors["blk.1.ffn_down.weight"]
        tensors["blk.0.ffn_gate.weight"] = tensors["blk.0.ffn_gate.weight"][:-1]

    found, _ = planted(change, tmp_path)
    assert found["missing"] == ["blk.1.ffn_up.weight"] and found["extra"] == ["new.weight"]
    assert found["mismatched"] == [{"name": "blk.0.ffn_gate.weight", "reason": "shape [160, 64] against [159, 64]"}]


@pytest.mark.parametrize("tied", [True, False])
def test_a_head_that_only_one_file_has(tied, tmp_path):
    tensors = weights()
    if tied:
        tensors["output.weight"] = tensors["token_embd.weight"]
    reference = write_gguf(tmp_path / "a.gguf", tensors)
    del tensors["output.weight"]
    candidate = write_gguf(tmp_path / "b.gguf", tensors, kind=gguf.GGMLQuantizationType.Q8_0)
    found, ours = compare(reference, candidate, exit=0 if tied else 1)
    assert found["missing"] == [] and ours["output.weight"]["suspicious"] != tied
    assert ours["output.weight"]["note"] == ("tied to token_embd.weight in one file; legal" if tied else
                                             "one file has token_embd.weight in its place, which is another matrix")


@pytest.mark.parametrize("file", ["TinyStories-656K.f16.gguf", "TinyStories-656K-Q8_0.gguf"])
def test_tinystories(file):
    if not (TINYSTORIES / file).exists():
        pytest.skip("tinystories-656k is not in ASSAY_DATA")
    config = json.loads((TINYSTORIES / "config.json").read_text())
    head_width = config["hidden_size"] // config["num_attention_heads"]
    originals = load_file(TINYSTORIES / "model.safetensors")
    converted = {tensor.name: tensor for tensor in gguf.GGUFReader(TINYSTORIES / file).tensors}
    _, ours = compare(TINYSTORIES / "model.safetensors", TINYSTORIES / file)
    assert ours.keys() == converted.keys()
    for name, tensor in converted.items():
        shape = [int(length) for length in reversed(tensor.shape)]
        candidate = formats.values(tensor.tensor_type.name, tensor.data).reshape(shape)
        # The original holds its tied matrix once.
        reference = originals["lm_head.weight" if name == "token_embd.weight" else hugging_face_name(name)]
        if ".attn_q." in name or ".attn_k." in name:
            reference = permute(reference, head_width)
            assert ours[name]["note"] == "rows permuted as convert_hf_to_gguf does for rope; legal"
        assert_numpys(ours[name], reference, candidate)
        assert not ours[name]["suspicious"]
