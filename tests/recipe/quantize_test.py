"""Whole files against llama.cpp's own quantizer (the PyPI package cyllama), byte for byte."""

import ctypes
import json
import os
import pathlib
import struct
import subprocess
import sys

import gguf
import numpy as np
import pytest
from cyllama.llama import llama_cpp

ASSAY = os.environ["ASSAY_BINARY"]
KINGJAMES = pathlib.Path(__file__).parents[2] / "models" / "kingjames-7m.f16.gguf"

# general.file_type
MIXES = {"F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_S": 11, "Q3_K_M": 12,
         "Q3_K_L": 13, "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18, "BF16": 32, "F32": 0, "Q2_K_S": 21,
         "IQ2_XXS": 19, "IQ2_XS": 20, "IQ3_XS": 22, "IQ3_XXS": 23, "IQ1_S": 24, "IQ3_S": 26, "IQ3_M": 27, "IQ2_S": 28,
         "IQ2_M": 29, "IQ1_M": 31, "IQ4_NL": 25, "IQ4_XS": 30, "TQ1_0": 36, "TQ2_0": 37, "MXFP4_MOE": 38}


# Mixes that llama.cpp makes with an importance matrix only.
NEED_IMPORTANCE = ["Q2_K_S", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "IQ3_XS"]


def ours(source, target, mix, *options):
    return subprocess.run([ASSAY, "quantize", source, target, mix, *options], check=True, capture_output=True, text=True)


class ImatrixData(ctypes.Structure):
    """llama.cpp's llama_model_imatrix_data: one entry; a null name ends the list."""
    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.POINTER(ctypes.c_float)), ("size", ctypes.c_size_t)]


def theirs(source, target, file_type, importance=None, **options):
    parameters = llama_cpp.LlamaModelQuantizeParams()
    parameters.nthread = 1
    parameters.ftype = file_type
    for name, value in options.items():
        setattr(parameters, name, value)
    if importance:
        entries = (ImatrixData * (len(importance) + 1))()
        for entry, (name, means) in zip(entries, importance.items()):
            entry.name, entry.size = name.encode(), means.size
            entry.data = means.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        # The package has no setter: the C struct (nthread, ftype, two types, six flags, the pointer) is found by its start.
        memory = bytes((ctypes.c_char * sys.getsizeof(parameters)).from_address(id(parameters)))
        start = memory.index(struct.pack("<ii", 1, file_type), 16)
        ctypes.c_void_p.from_address(id(parameters) + start + 24).value = ctypes.addressof(entries)
    llama_cpp.model_quantize(str(source), str(target), parameters)


def tensors(path):
    return {t.name: (t.tensor_type.name, tuple(t.shape), t.data.tobytes()) for t in gguf.GGUFReader(path).tensors}


def check_same(ours_path, theirs_path):
    left, right = tensors(ours_path), tensors(theirs_path)
    assert list(left) == list(right)
    types = {name: (left[name][0], right[name][0]) for name in left if left[name][0] != right[name][0]}
    assert not types
    assert not [name for name in left if left[name] != right[name]]
    assert ours_path.read_bytes() == theirs_path.read_bytes()


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_model(path, width, layers, heads, kv_heads, hidden, tied, architecture="llama", extra=(), blocks=None,
                tensors=()):
    """A model of random weights in the shape of others; `extra`: further metadata, `blocks`: the tensors of a layer, `tensors`:
    further ones."""
    generator = np.random.default_rng(width + layers)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(layers)
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_layer_norm_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_vocab_size(256)
    writer.add_tokenizer_model("no_vocab")
    for key, value in extra:
        writer.add_uint32(f"{architecture}.{key}", value)
    kv_width = width // heads * kv_heads
    blocks = blocks or {"attn_norm": (width,), "attn_q": (width, width), "attn_k": (kv_width, width),
                        "attn_v": (kv_width, width), "attn_output": (width, width), "ffn_norm": (width,),
                        "ffn_gate": (hidden, width), "ffn_up": (hidden, width), "ffn_down": (width, hidden)}
    shapes = {"token_embd.weight": (256, width), "output_norm.weight": (width,)}
    if not tied:
        shapes["output.weight"] = (256, width)
    shapes |= {f"{name}.weight": shape for name, shape in dict(tensors).items()}
    for layer in range(layers):
        for name, shape in blocks.items():
            shapes[f"blk.{layer}.{name}.weight"] = shape
    for name, shape in shapes.items():
        writer.add_tensor(name, (generator.standard_t(4, shape) * 0.05).astype(np.float16 if len(shape) > 1 else np.float32))
    finish(writer)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Rows of 32 values, which no super-block divides, but for ffn_down; tied output, as in SmolLM2."""
    path = tmp_path_factory.mktemp("odd") / "model.gguf"
    write_model(path, width=32, layers=17, heads=1, kv_heads=1, hidden=256, tied=True)
    return path


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """Four heads share their values, and the output is a matrix of its own."""
    path = tmp_path_factory.mktemp("grouped") / "model.gguf"
    write_model(path, width=256, layers=8, heads=8, kv_heads=2, hidden=256, tied=False)
    return path


@pytest.fixture(scope="module")
def experts(tmp_path_factory):
    """Eight experts a layer; the quantizer asks for no shapes that fit together, so few rows do."""
    path = tmp_path_factory.mktemp("experts") / "model.gguf"
    blocks = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (2, 256))
    blocks |= {"ffn_gate_inp": (8, 256)} | dict.fromkeys(("ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"), (8, 2, 256))
    write_model(path, width=256, layers=17, heads=8, kv_heads=2, hidden=256, tied=False,
                extra=[("expert_count", 8), ("expert_used_count", 2)], blocks=blocks)
    return path


def importance_of(model):
    """Means for every matrix of the blocks."""
    generator = np.random.default_rng(7)
    return {t.name: generator.chisquare(1, (*map(int, t.shape[:1:-1]), int(t.shape[0]))).astype(np.float32)
            for t in gguf.GGUFReader(model).tensors if len(t.shape) > 1 and t.name.startswith("blk.")}


def write_importance(path, importance):
    writer = gguf.GGUFWriter(path, "")
    writer.kv_data[0].clear()
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["some text"])
    writer.add_uint32("imatrix.chunk_count", 5)
    writer.add_uint32("imatrix.chunk_size", 512)
    for name, means in importance.items():
        writer.add_tensor(name + ".in_sum2", means * 2)
        writer.add_tensor(name + ".counts", np.full((means.size // means.shape[-1], 1), 2, np.float32))
    finish(writer)


def write_importance_dat(path, importance):
    with open(path, "wb") as file:
        file.write(struct.pack("<i", len(importance)))
        for name, means in importance.items():
            file.write(struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", 4, means.size))
            file.write((means * 4).astype(np.float32).tobytes())
        file.write(struct.pack("<ii", 5, 9) + b"some text")


@pytest.mark.parametrize("mix", ["F16", "Q5_1", "Q2_K", "Q3_K_M", "Q4_K_M", "Q6_K"])
def test_kingjames_is_llama_cpps_file(mix, tmp_path):
    ours(KINGJAMES, tmp_path / "ours.gguf", mix)
    theirs(KINGJAMES, tmp_path / "theirs.gguf", MIXES[mix])
    check_same(tmp_path / "ours.gguf", tmp_path / "theirs.gguf")


@pytest.mark.parametrize("mix", [mix for mix in MIXES if mix not in NEED_IMPORTANCE])
def test_rows_that_no_super_block_divides(mix, odd, tmp_path):
    ours(odd, tmp_path / "ours.gguf", mix)
    theirs(odd, tmp_path / "theirs.gguf", MIXES[mix])
    check_same(tmp_path / "ours.gguf", tmp_path / "theirs.gguf")


@pytest.mark.parametrize("mix", ["Q2_K", "Q3_K_L", "Q4_K_S", "IQ3_M", "IQ4_XS", "TQ1_0"])
def test_heads_in_groups_and_an_output_of_its_own(mix, grouped, tmp_path):
    ours(grouped, tmp_path / "ours.gguf", mix)
    theirs(grouped, tmp_path / "theirs.gguf", MIXES[mix])
    check_same(tmp_path / "ours.gguf", tmp_path / "theirs.gguf")


@pytest.mark.parametrize("mix", ["MXFP4_MOE", "Q2_K", "Q3_K_M", "Q4_K_M", "IQ3_S", "IQ3_M", "IQ4_NL"])
def test_experts(mix, experts, tmp_path):
    ours(experts, tmp_path / "ours.gguf", mix)
    theirs(experts, tmp_path / "theirs.gguf", MIXES[mix])
    check_same(tmp_path / "ours.gguf", tmp_path / "theirs.gguf")


# llama.cpp works ten seconds on the codebooks of these before it writes the first block.
SLOW = ["IQ1_S", "IQ1_M", "IQ2_M", "IQ3_XXS"]


@pytest.mark.parametrize("mix", [mix for mix in NEED_IMPORTANCE if mix != "Q2_K_S"])
@pytest.mark.parametrize("model", ["odd", "grouped", "experts"])
def test_mixes_that_need_an_importance_matrix(mix, model, request, tmp_path):
    if (mix in SLOW or model == "grouped") and "ASSAY_SLOW_TESTS" not in os.environ:
        pytest.skip("slow: set ASSAY_SLOW_TESTS")
    source = request.getfixturevalue(model)
    importance = importance_of(source)
    write_importance(tmp_path / "imatrix", importance)
    ours(source, tmp_path / "ours.gguf", mix, "--imatrix", tmp_path / "imatrix")
    theirs(source, tmp_path / "theirs.gguf", MIXES[mix], importance)
    assert tensors(tmp_path / "ours.gguf") == tensors(tmp_path / "theirs.gguf")


def test_experts_with_an_importance_matrix(experts, tmp_path):
    importance = importance_of(experts)
    assert importance["blk.0.ffn_down_exps.weight"].shape == (8, 256)
    write_importance(tmp_path / "imatrix", importance)
    ours(experts, tmp_path / "ours.gguf", "Q2_K_S", "--imatrix", tmp_path / "imatrix")
    theirs(experts, tmp_path / "theirs.gguf", MIXES["Q2_K_S"], importance)
    assert tensors(tmp_path / "ours.gguf") == tensors(tmp_path / "theirs.gguf")


@pytest.mark.parametrize("architecture, kv_heads", [("qwen2", 2), ("qwen2", 8), ("olmo", 8), ("deci", 2), ("llama", 2), ("llama", 8),
                                                    ("qwen3", 2)])
def test_eighty_layers(architecture, kv_heads, tmp_path):
    write_model(tmp_path / "in.gguf", width=256, layers=80, heads=8, kv_heads=kv_heads, hidden=256, tied=False,
                architecture=architecture, blocks=dict.fromkeys(("attn_q", "attn_v", "ffn_down"), (2, 256)))
    ours(tmp_path / "in.gguf", tmp_path / "ours.gguf", "Q3_K_S")
    theirs(tmp_path / "in.gguf", tmp_path / "theirs.gguf", MIXES["Q3_K_S"])
    check_same(tmp_path / "ours.gguf", tmp_path / "theirs.gguf")


@pytest.mark.parametrize("mix", ["Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_M", "IQ4_XS", "Q8_0"])
def test_falcon(mix, tmp_path):
    write_model(tmp_path / "in.gguf", width=256, layers=32, heads=8, kv_heads=8, hidden=256, tied=False, architecture="falcon",
                blocks=dict.fromkeys(("attn_qkv", "attn_output", "ffn_up", "ffn_down"), (2, 256)))
    ours(tmp_path / "in.gguf", tmp_path / "ours.gguf", mix)
    theirs(tmp_path / "in.gguf", tmp_path / "theirs.gguf", MIXES[mix])
    check_same(tmp_path / "ours.gguf", tmp_path / "theirs.gguf")


def test_tensors_that_are_kept(tmp_path):
    """Names of both sides of every rule, all of them matrices."""
    time_mix = ["first", "w0", "w1", "w2", "v0", "v1", "v2", "a0", "a1", "a2", "g1", "g2", "decay_w1", "decay_w2", "lerp_fused",
                "key", "value", "receptance", "gate", "output", "lerp_x"]
    names = [*(f"time_mix_{name}" for name in time_mix), "shortconv.conv", "shortconv.in_proj", "shortconv.out_proj", "ssm_conv1d",
             "ssm_conv1d_q", "ssm_in", "ssm_x", "attn_q_norm", "ffn_gate_inp", "ffn_gate_inp_shexp", "altup_proj", "laurel_l",
             "attn_rel_b", "position_embd", "token_types", "channel_mix_key"]
    others = ["per_layer_model_proj", "position_embd", "token_types", "token_embd_norm", "position_bias", "pos_embd", "cls",
              "v.position_embd", "v.patch_embd", "mm.patch_merger", "sam.pos_embd", "sam.neck.0", "sam.net_2", "v.rel_pos_h"]
    write_model(tmp_path / "in.gguf", width=256, layers=1, heads=8, kv_heads=8, hidden=256, tied=False,
                blocks=dict.fromkeys(names, (2, 32)), tensors=dict.fromkeys(others, (2, 32)))
    ours(tmp_path / "in.gguf", tmp_path / "ours.gguf", "Q4_0")
    theirs(tmp_path / "in.gguf", tmp_path / "theirs.gguf", MIXES["Q4_0"])
    check_same(tmp_path / "ours.gguf", tmp_path / "theirs.gguf")


@pytest.mark.parametrize("mix, write", [("Q4_0", write_importance), ("Q5_0", write_importance_dat),
                                        ("Q4_K_M", write_importance), ("IQ4_XS", write_importance), ("Q2_K_S", write_importance_dat)])
def test_with_an_importance_matrix(mix, write, odd, tmp_path):
    importance = importance_of(odd)
    matrix = tmp_path / "imatrix"
    write(matrix, importance)
    ours(odd, tmp_path / "ours.gguf", mix, "--imatrix", matrix)
    theirs(odd, tmp_path / "theirs.gguf", MIXES[mix], importance)
    assert tensors(tmp_path / "ours.gguf") == tensors(tmp_path / "theirs.gguf")
    ours(odd, tmp_path / "plain.gguf", "Q2_K" if mix == "Q2_K_S" else mix)
    assert tensors(tmp_path / "ours.gguf") != tensors(tmp_path / "plain.gguf")
    fields = gguf.GGUFReader(tmp_path / "ours.gguf").fields
    told = {key: fields["quantize.imatrix." + key].contents() for key in ("file", "dataset", "entries_count", "chunks_count")}
    assert told == {"file": str(matrix), "dataset": "some text", "entries_count": len(importance), "chunks_count": 5}


def test_pure_and_requantized(grouped, tmp_path):
    ours(grouped, tmp_path / "q8.gguf", "Q8_0")
    ours(tmp_path / "q8.gguf", tmp_path / "ours.gguf", "Q4_K_M", "--allow-requantize", "--pure")
    theirs(tmp_path / "q8.gguf", tmp_path / "theirs.gguf", MIXES["Q4_K_M"], allow_requantize=True, pure=True)
    check_same(tmp_path / "ours.gguf", tmp_path / "theirs.gguf")


def test_bytes_do_not_depend_on_the_threads(grouped, tmp_path):
    for threads in "1", "2", "5":
        ours(grouped, tmp_path / threads, "Q3_K_S", "--threads", threads)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes() == (tmp_path / "5").read_bytes()


def test_a_type_for_a_pattern(odd, tmp_path):
    plan = ours(odd, tmp_path / "ours.gguf", "Q8_0", "--tensor-type", "attn_v=Q4_0", "--tensor-type", "blk.1?.ffn_*=F16",
                "--json")
    types = {name: type for name, (type, _, _) in tensors(tmp_path / "ours.gguf").items()}
    assert types == {tensor["name"]: tensor["to"] for tensor in json.loads(plan.stdout)["tensors"]}
    assert {name for name, type in types.items() if type == "Q4_0"} == {f"blk.{i}.attn_v.weight" for i in range(17)}
    assert {name for name, type in types.items() if type == "F16"} == {
        f"blk.{i}.ffn_{part}.weight" for i in range(10, 17) for part in ("gate", "up", "down")}


def write_tensor(path, name, values):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor(name, values)
    finish(writer)


def test_every_matrix_of_a_tensor_has_its_importance(tmp_path):
    generator = np.random.default_rng(3)
    values = generator.standard_normal((3, 2, 5, 256)).astype(np.float32)
    write_tensor(tmp_path / "in.gguf", "some.weight", values)
    means = generator.chisquare(1, (6, 256)).astype(np.float32)
    write_importance(tmp_path / "imatrix", {"some.weight": means})
    ours(tmp_path / "in.gguf", tmp_path / "all.gguf", "Q4_K", "--imatrix", tmp_path / "imatrix")
    expected = b""
    for matrix, mean in zip(values.reshape(6, 5, 256), means):
        write_tensor(tmp_path / "one.gguf", "some.weight", matrix)
        write_importance(tmp_path / "one", {"some.weight": mean})
        ours(tmp_path / "one.gguf", tmp_path / "out.gguf", "Q4_K", "--imatrix", tmp_path / "one")
        expected += tensors(tmp_path / "out.gguf")["some.weight"][2]
    assert tensors(tmp_path / "all.gguf")["some.weight"][2] == expected
    write_importance(tmp_path / "imatrix", {"some.weight": means[:2]})
    run = subprocess.run([ASSAY, "quantize", tmp_path / "in.gguf", tmp_path / "out.gguf", "Q4_K", "--imatrix", tmp_path / "imatrix"],
                         capture_output=True, text=True)
    assert run.returncode == 2 and "has 1536 columns, the importance matrix 512 values" in run.stderr


def test_a_file_without_tensors(tmp_path):
    finish(gguf.GGUFWriter(tmp_path / "in.gguf", "llama"))
    run = ours(tmp_path / "in.gguf", tmp_path / "out.gguf", "Q4_0")
    assert "0.00 bits a weight" in run.stdout and "nan" not in run.stdout
    assert not tensors(tmp_path / "out.gguf")


def test_values_that_no_type_holds(tmp_path):
    values = np.ones((4, 32), np.float32)
    values[2, 5] = 1e6
    write_tensor(tmp_path / "in.gguf", "large.weight", values)
    for mix, is_fine in (("F16", False), ("Q4_0", False), ("BF16", True)):
        run = subprocess.run([ASSAY, "quantize", tmp_path / "in.gguf", tmp_path / "out.gguf", mix], capture_output=True, text=True)
        assert (run.returncode == 0) == is_fine and (tmp_path / "out.gguf").exists() == is_fine
        if not is_fine:
            assert run.returncode == 2 and "tensor 'large.weight', row 2: a value is not finite, or too large" in run.stderr


@pytest.mark.parametrize("mix", ["Q4_0", "Q4_K", "IQ4_NL"])
def test_an_importance_that_overflows(mix, tmp_path):
    write_tensor(tmp_path / "in.gguf", "some.weight", np.random.default_rng(1).standard_normal((4, 256)).astype(np.float32))
    write_importance(tmp_path / "imatrix", {"some.weight": np.full(256, 3e37, np.float32)})
    run = subprocess.run([ASSAY, "quantize", tmp_path / "in.gguf", tmp_path / "out.gguf", mix, "--imatrix", tmp_path / "imatrix"],
                         capture_output=True, text=True)
    assert run.returncode == 2 and not (tmp_path / "out.gguf").exists()
    assert "tensor 'some.weight', row 0:" in run.stderr and "or its importance is too large" in run.stderr


def test_a_damaged_importance_matrix(odd, tmp_path):
    write_importance_dat(tmp_path / "good", {"blk.0.attn_q.weight": np.ones(32, np.float32)})
    good = (tmp_path / "good").read_bytes()
    cases = {"is -7, must be 0 to": struct.pack("<i", -7) + good[4:], "holds no entry": struct.pack("<i", 0),
             "needs 128 bytes": good[:100], "which no sum of squares is": good.replace(struct.pack("<f", 4), struct.pack("<f", -4))}
    cases["is of another model"] = good.replace(struct.pack("<ii", 4, 32), struct.pack("<ii", 4, 16))[:-4 * 16 - 17]
    for message, data in cases.items():
        (tmp_path / "bad").write_bytes(data)
        run = subprocess.run([ASSAY, "quantize", odd, tmp_path / "out.gguf", "Q4_0", "--imatrix", tmp_path / "bad"],
                             capture_output=True, text=True)
        assert run.returncode == 2 and message in run.stderr, (message, run.stderr)


NAME = "blk.0.attn_q.weight"


@pytest.mark.parametrize("message, kind, entry", [
    ("whose general.type is not 'imatrix'", "model", {".in_sum2": np.ones(32, np.float32), ".counts": np.ones(1, np.float32)}),
    (f"no tensor '{NAME}.counts'", "imatrix", {".in_sum2": np.ones(32, np.float32)}),
    (f"tensor '{NAME}.in_sum2' is F16, must be F32", "imatrix",
     {".in_sum2": np.ones(32, np.float16), ".counts": np.ones(1, np.float32)}),
    (f"'{NAME}': 32 sums for 3 counts", "imatrix", {".in_sum2": np.ones(32, np.float32), ".counts": np.ones(3, np.float32)}),
    (f"'{NAME}': a count is negative", "imatrix", {".in_sum2": np.ones(32, np.float32), ".counts": -np.ones(1, np.float32)}),
    (f"'{NAME}': sums divided by counts are not finite", "imatrix",
     {".in_sum2": np.full(32, 1e30, np.float32), ".counts": np.full(1, 1e-30, np.float32)})])
def test_an_importance_matrix_that_is_wrong(message, kind, entry, odd, tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "bad", "")
    writer.add_type(kind)
    for ending, values in entry.items():
        writer.add_tensor(NAME + ending, values)
    finish(writer)
    run = subprocess.run([ASSAY, "quantize", odd, tmp_path / "out.gguf", "Q4_0", "--imatrix", tmp_path / "bad"],
                         capture_output=True, text=True)
    assert run.returncode == 2 and message in run.stderr, run.stderr
