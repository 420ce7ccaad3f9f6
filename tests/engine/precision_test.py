"""Precision policies: the arithmetics against numpy and ggml's own quantizers, which steps a policy changes, and that
ggml's 8-bit activations, put into the oracle, explain llama.cpp's distance from it."""

import ctypes
import fnmatch
import os
import pathlib
import subprocess

import gguf
import libggml
import numpy as np
import pytest
from cyllama.llama import llama_cpp as cyllama

from tests.compare.depth_test import seated_taps
from tests.engine.llama_cpp import KINGJAMES, PROGRAMS, dump_logits, relative_error, smollm2
from tests.foreign import formats, llama_cpp, tiny
from tests.foreign.engine import Model

# What ggml runs on this CPU, which rounds ties otherwise than its reference.
GGML = ctypes.CDLL(str(next(pathlib.Path(libggml.__file__).parent.glob("lib*/libggml-cpu.so"))))
TOKENS = [1, 0, 258, 77, 31, 200, 131, 9]
WIDE = "--width 256 --heads 8 --feed-forward 512"


def oracle_taps(path, policy=None, threads="2"):
    folder = path.parent / "taps"
    environment = os.environ | {"OMP_NUM_THREADS": threads} | ({"ASSAY_PRECISION": policy} if policy else {})
    subprocess.run([PROGRAMS / "dump_taps", path, "oracle", folder, *map(str, TOKENS)], check=True, env=environment)
    return {file.stem: np.load(file) for file in folder.glob("*.npy")}


def f16(x):
    return x.astype(np.float16).astype(np.float32)


def bf16(x):
    """To nearest, ties to even, of finite values."""
    bits = x.astype(np.float32).view(np.uint32)
    return (((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) << 16).astype(np.uint32).view(np.float32)


def f32(x):
    return x


# Arithmetic: rounding of inputs, of the result, of every addition.
ARITHMETICS = {"f32": (f32, f32, f32), "f16": (f16, f16, f32), "bf16": (bf16, bf16, f32), "f16acc": (f16, f16, f16)}


def lane_products(matrix, x, rounded):
    """matrix x in float32: sixteen lanes, then halves of them added; every sum rounded."""
    out = np.empty((len(x), len(matrix)), np.float32)
    for token, row in enumerate(x):
        lanes = np.zeros((len(matrix), 16), np.float32)
        for at in range(0, matrix.shape[1], 16):
            products = matrix[:, at:at + 16] * row[at:at + 16]
            count = products.shape[1]
            lanes[:, :count] = rounded(lanes[:, :count] + products)
        for half in (8, 4, 2, 1):
            lanes[:, :half] = rounded(lanes[:, :half] + lanes[:, half:2 * half])
        out[token] = lanes[:, 0]
    return out


@pytest.mark.parametrize("kind", ["F32", "Q5_0"])
@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_linear_to_the_bit(arithmetic, kind, tmp_path):
    path = tiny.make(tmp_path, f"--type {kind} --biases --width 96 --feed-forward 160")
    taps = oracle_taps(path, f"blk.0.q={arithmetic}")
    to_input, to_result, to_sum = ARITHMETICS[arithmetic]
    weight, bias = (to_input(Model(path).weight(f"blk.0.attn_q.{name}").astype(np.float32)) for name in ("weight", "bias"))
    x = to_input(taps["blk.0.attn_norm"].astype(np.float32))
    expected = to_result(to_sum(lane_products(weight, x, to_sum) + bias))
    assert np.array_equal(taps["blk.0.q"], expected)


@pytest.mark.parametrize("kind, rounded", [("F32", f32), ("F16", f16), ("BF16", bf16)])
def test_q8_of_float_weights(kind, rounded, tmp_path):
    """Activations become what the weights are; the result is float32."""
    path = tiny.make(tmp_path, f"--type {kind}")
    taps = oracle_taps(path, "blk.0.q=q8")
    weight = Model(path).weight("blk.0.attn_q.weight").astype(np.float32)
    x = rounded(taps["blk.0.attn_norm"].astype(np.float32))
    assert np.array_equal(taps["blk.0.q"], lane_products(weight, x, f32))


# ggml's structures of quantized activations.
Q8_0 = np.dtype([("d", "<f2"), ("q", "i1", 32)])
Q8_1 = np.dtype([("d", "<f2"), ("s", "<f2"), ("q", "i1", 32)])
Q8_K = np.dtype([("d", "<f4"), ("q", "i1", 256), ("sums", "<i2", 16)])
ACTIVATIONS = {"Q4_0": Q8_0, "Q5_0": Q8_0, "Q8_0": Q8_0, "NVFP4": Q8_0, "Q4_1": Q8_1, "Q5_1": Q8_1} | dict.fromkeys(
    ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"], Q8_K)
QUANTIZERS = {Q8_0: GGML.quantize_row_q8_0, Q8_1: GGML.quantize_row_q8_1,
              Q8_K: GGML.quantize_row_q8_K}


def ggml_activations(rows, structure):
    """[rows, blocks] of a structure."""
    rows = np.ascontiguousarray(rows, np.float32)
    blocks = np.zeros((len(rows), rows.shape[1] // structure["q"].shape[0]), structure)
    QUANTIZERS[structure](rows.ctypes.data_as(ctypes.c_void_p), blocks.ctypes.data_as(ctypes.c_void_p),
                              ctypes.c_int64(rows.size))
    return blocks


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_q8_is_ggmls(kind, tmp_path):
    """Products of exact weights with what ggml's quantizers make of the activations."""
    path = tiny.make(tmp_path, f"--type {kind} {WIDE} --seed 3")
    tap = "blk.0.ffn_out_unscaled" if kind == "NVFP4" else "blk.0.ffn_out"
    taps = oracle_taps(path, f"{tap}=q8")
    model = Model(path)
    weight = model.weight("blk.0.ffn_down.weight")
    structure = ACTIVATIONS[kind]
    length = structure["q"].shape[0]
    blocks = ggml_activations(taps["blk.0.ffn_act"], structure)
    d = blocks["d"].astype(np.float64)
    weight = weight.reshape(len(weight), -1, length)
    minimum = 0
    if structure is Q8_1:
        # d * q + m: ggml multiplies m with the rounded sum that it keeps beside the quants.
        raw = model.tensors["blk.0.ffn_down.weight"].data.reshape(-1, {"Q4_1": 20, "Q5_1": 24}[kind])
        m = formats.half(raw, 2).reshape(weight.shape[:2])
        weight = weight - m[:, :, None]
        minimum = blocks["s"].astype(np.float64) @ m.T
    expected = np.einsum("rbi,tbi,tb->tr", weight, blocks["q"].astype(np.float64), d) + minimum
    assert np.linalg.norm(taps[tap] - expected) <= 1e-6 * np.linalg.norm(expected)
    exact = taps["blk.0.ffn_act"] @ model.weight("blk.0.ffn_down.weight").T
    assert np.linalg.norm(exact - expected) > 1e-3 * np.linalg.norm(expected)


@pytest.mark.parametrize("kind", [kind for kind, structure in ACTIVATIONS.items() if structure is Q8_0])
def test_q8_with_a_massive_activation(kind, tmp_path):
    """A block whose sum passes float16: types without a minimum have no use for the sum, and stay finite."""
    path = tiny.make(tmp_path, f"--type {kind} {WIDE} --seed 3")
    reader = gguf.GGUFReader(path)
    norm = next(tensor for tensor in reader.tensors if tensor.name == "blk.0.ffn_norm.weight")
    data = bytearray(path.read_bytes())
    weights = np.frombuffer(data, np.float32, norm.n_elements, int(norm.data_offset)).copy()
    weights[5] = 1e6
    data[int(norm.data_offset):int(norm.data_offset) + weights.nbytes] = weights.tobytes()
    path.write_bytes(data)
    tap = "blk.0.ffn_up_unscaled" if kind == "NVFP4" else "blk.0.ffn_up"
    taps = oracle_taps(path, f"{tap}=q8")
    blocks = ggml_activations(taps["blk.0.ffn_norm"], Q8_0)
    assert (np.abs(taps["blk.0.ffn_norm"][:, :32].sum(1)) > 65520).any()
    weight = Model(path).weight("blk.0.ffn_up.weight").reshape(-1, blocks.shape[1], 32)
    expected = np.einsum("rbi,tbi,tb->tr", weight, blocks["q"].astype(np.float64), blocks["d"].astype(np.float64))
    assert np.linalg.norm(taps[tap] - expected) <= 1e-6 * np.linalg.norm(expected)


OPERATIONS = {"embed": ["embed"], "rms_norm": ["*_norm"], "rope": ["*_rope"], "attention": ["*.attn"],
              "linear": ["*.q", "*.k", "*.v", "*.attn_out", "*.ffn_gate", "*.ffn_up", "*.ffn_out", "logits"],
              "gated_activation": ["*.ffn_act"], "add": ["*.attn_residual", "*.out"], "none": []}
EVERYTHING = [pattern for patterns in OPERATIONS.values() for pattern in patterns]


def without(*names):
    return [pattern for name, patterns in OPERATIONS.items() if name not in names for pattern in patterns]


@pytest.mark.parametrize("policy, changed, bound", [
    ("default=f64", [], 0),
    ("*=f32", EVERYTHING, 1e-6),
    ("default=f16", EVERYTHING, 3e-3),
    ("default=bf16", EVERYTHING, 2e-2),
    ("default=f16acc", EVERYTHING, 1e-2),
    ("default=f32,attention=f64", without("attention"), 1e-6),
    ("attention=f64,*.q=f64,default=f16", [p for p in without("attention") if p != "*.q"], 3e-3),
    ("linear=f16,*.q=f64,logits=f64", [p for p in OPERATIONS["linear"] if p not in ("*.q", "logits")], 3e-3),
    ("linear=q8", OPERATIONS["linear"], 3e-2),
    ("blk.1.k=bf16,rope=f16", ["blk.1.k", "*_rope"], 1e-2),
    ("attention=f16", ["*.attn"], 3e-3),
    ("attention=f64, *.q=f64 , default = f32", [p for p in without("attention") if p != "*.q"], 1e-6),
    ("rms_norm=f32,blk.?.attn_norm=f64", ["*.ffn_norm", "final_norm"], 1e-6),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_policy_changes_what_it_says(policy, changed, bound, tmp_path):
    """Every step against numpy in float64 on the same inputs: steps outside the policy are exact, the others rounded."""
    path = tiny.make(tmp_path, f"--type Q8_0 {WIDE} --seed 2")
    taps = oracle_taps(path, policy)
    exact = seated_taps(Model(path), taps, TOKENS)
    assert exact.keys() == taps.keys()
    for tap in taps:
        error = np.linalg.norm(taps[tap] - exact[tap]) / np.linalg.norm(exact[tap])
        is_changed = any(fnmatch.fnmatchcase(tap, pattern) for pattern in changed)
        if is_changed and not (tap == "embed" and "f32" in policy):  # Q8_0's values are float32 numbers
            assert bound / 2000 < error < bound, (tap, error)
        elif not is_changed:
            assert error < 1e-13, (tap, error)


def relative(values, exact):
    return np.linalg.norm(values - exact) / np.linalg.norm(exact)


def scale_error(values, exact):
    """Of a row as a whole: what a sum over it, wrong by so much, does."""
    return np.abs((values * exact).sum(1) / (exact * exact).sum(1) - 1).max()


@pytest.mark.parametrize("operation, tap, error, times", [
    ("attention", "blk.0.attn", relative, 1.7),  # 1.5 when only the products with the keys are rounded
    ("rms_norm", "blk.0.attn_norm", scale_error, 4)])
def test_float16_accumulators_cost_more_than_float16_values(operation, tap, error, times, tmp_path):
    """Each of the many additions is rounded, not only what goes in and comes out."""
    path = tiny.make(tmp_path, f"--type Q8_0 {WIDE} --seed 2")

    def measure(arithmetic):
        taps = oracle_taps(path, f"{operation}={arithmetic}")
        return error(taps[tap], seated_taps(Model(path), taps, TOKENS)[tap])

    assert measure("f16acc") > times * measure("f16"), (measure("f16acc"), measure("f16"))


def test_same_bits_for_any_threads(tmp_path):
    path = tiny.make(tmp_path, f"--type Q4_K {WIDE}")
    for policy in ("default=f16acc", "default=q8"):
        one, three = (oracle_taps(path, policy, threads) for threads in "13")
        assert all(np.array_equal(one[tap], three[tap]) for tap in one)


def quantized_kingjames(folder, kind):
    """By llama.cpp. File types: 15 Q4_K_M, 18 Q6_K."""
    path = folder / f"{kind}.gguf"
    parameters = cyllama.LlamaModelQuantizeParams()
    parameters.ftype = {"Q4_K_M": 15, "Q6_K": 18}[kind]
    cyllama.model_quantize(str(KINGJAMES), str(path), parameters)
    return path


def kl(p, q):
    """Nats from the logits p to the logits q, by position."""
    p, q = (logits - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True)) -
            logits.max(1, keepdims=True) for logits in (p.astype(np.float64), q.astype(np.float64)))
    return (np.exp(p) * (p - q)).sum(1)


def median_error(candidate, reference):
    return np.median(relative_error(candidate, np.asarray(reference, np.float64)))


Q8_POLICY = "default=f32,linear=q8"


@pytest.mark.parametrize("kind", ["Q4_K_M", "Q6_K"])
def test_llama_cpps_logits_are_reproduced(kind, tmp_path, capsys):
    """Of single tokens. On from there, float32 sums in another order now and then move an activation to the next quant,
    which moves others after it."""
    path = quantized_kingjames(tmp_path, kind)
    tokens = [1, 891, 261, 2484, 405, 370, 4042, 4050, 13, 257]
    theirs = np.concatenate([llama_cpp.logits(path, [token]) for token in tokens])
    sequences = [(1, [token]) for token in tokens]
    exact, _ = dump_logits(path, "oracle", sequences, tmp_path / "exact.npy")
    rounded, description = dump_logits(path, "oracle", sequences, tmp_path / "q8.npy", ASSAY_PRECISION=Q8_POLICY)
    assert description.startswith(f"oracle {Q8_POLICY}")
    far, near = median_error(theirs, exact), median_error(theirs, rounded)
    with capsys.disabled():
        print(f"\nkingjames-7m {kind}: llama.cpp stands {far:.1e} from the oracle, {near:.1e} from it with {Q8_POLICY}", end="")
    assert near < far / 1000


@pytest.mark.parametrize("name", ["kingjames-7m Q4_K_M", "SmolLM2-135M Q4_1"])
def test_llama_cpps_noise_is_its_activations(name, tmp_path, capsys):
    """Over a text: the oracle with q8 stands as far from the exact answer as llama.cpp does; with f32 a thousandth of it."""
    path, tokens = quantized_kingjames(tmp_path, "Q4_K_M"), [1, 891, 261, 2484, 405, 370, 4042, 4050, 13, 257, 300, 1000]
    if name.startswith("SmolLM2"):
        path, tokens = smollm2(), [504, 2637, 28, 253, 1165, 282, 260, 905, 30]
    theirs = llama_cpp.logits(path, tokens)
    sequences = [(len(tokens), tokens)]
    exact, f32_only, rounded = (
        np.array(dump_logits(path, "oracle", sequences, tmp_path / "logits.npy", ASSAY_PRECISION=policy)[0])
        for policy in ("default=f64", "default=f32", Q8_POLICY))
    far, ours, floats = (median_error(logits, exact) for logits in (theirs, rounded, f32_only))
    with capsys.disabled():
        print(f"\n{name}: from the oracle stand llama.cpp {far:.1e}, {Q8_POLICY} {ours:.1e}, default=f32 {floats:.1e}; KL of "
              f"llama.cpp {kl(exact, theirs).mean():.1e}, of q8 {kl(exact, rounded).mean():.1e}", end="")
    assert 0.5 < ours / far < 2
    assert floats < far / 1000
