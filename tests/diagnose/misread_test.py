"""Weights read wrongly, and values taken from elsewhere: what the faults say a step gives, against numpy.

A misreading is written here as what it does to a block's bytes where it can be, so that the decoders of the PyPI
package gguf say what the wrong bytes mean; else as what it adds to what they say.
"""

import functools
import os
import pathlib
import shutil
import subprocess

import gguf
import numpy as np
import pytest

PROGRAMS = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs"
TOKENS = [1, 0, 258, 7, 7, 42]
BLOCK = {name: gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]] for name in
         ("F32", "F16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K")}
# gguf decodes in float32.
BOUND = 1e-6

# Where a block keeps d, and dmin or m.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "IQ4_NL": [0], "Q2_K": [80, 82],
          "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def decode(name, blocks):
    """[count, bytes] -> [count, values]"""
    with np.errstate(over="ignore", invalid="ignore"):
        values = gguf.quants.dequantize(np.ascontiguousarray(blocks), gguf.GGMLQuantizationType[name])
    return values.astype(np.float64).reshape(len(blocks), -1)


def half(blocks, at):
    return np.ascontiguousarray(blocks[:, at:at + 2]).view("<f2").astype(np.float64)


def with_half(blocks, at, value):
    """The blocks with another number in a float16 field."""
    changed = blocks.copy()
    changed[:, at:at + 2] = np.float16(value).reshape(-1, 1).view(np.uint8)
    return changed


def changed(blocks, start, field):
    """The blocks with other bytes from `start` on."""
    copy = blocks.copy()
    copy[:, start:start + field.shape[1]] = field
    return copy


def minimum_part(name, blocks):
    """dmin * minimum of every value: what is too much when dmin is 0."""
    return decode(name, with_half(blocks, HALVES[name][1], 0)) - decode(name, blocks)


def quants(name, blocks):
    """What a value is without its scales: those of a block whose scales are all one."""
    plain = with_half(blocks, HALVES[name][0], 1)
    if name == "Q3_K":
        # 33 - 32: low nibbles 1, upper bits 2.
        plain = changed(plain, 96, np.tile(np.uint8([0x11] * 8 + [0xAA] * 4), (len(blocks), 1)))
    return decode(name, plain)


def join_nibbles(low, high):
    return (low | high << 4).astype(np.uint8)


# The order of nibbles: what somebody reads one after another is laid where the right decoder finds it in that order.

def lay_legacy(blocks, values):
    return changed(blocks, blocks.shape[1] - 16, join_nibbles(values[:, :16], values[:, 16:]))


def legacy_bytes(blocks):
    return blocks[:, -16:] & 15, blocks[:, -16:] >> 4


def legacy_interleaved(name, blocks):
    return decode(name, lay_legacy(blocks, np.stack(legacy_bytes(blocks), axis=2).reshape(len(blocks), 32)))


def legacy_swapped(name, blocks):
    return decode(name, lay_legacy(blocks, np.concatenate(legacy_bytes(blocks)[::-1], axis=1)))


def lay_k(blocks, values):
    chunks = values.reshape(len(blocks), 4, 2, 32)
    return changed(blocks, blocks.shape[1] - 128, join_nibbles(chunks[:, :, 0], chunks[:, :, 1]).reshape(-1, 128))


def k_bytes(blocks):
    return blocks[:, -128:] & 15, blocks[:, -128:] >> 4


def k_interleaved(name, blocks):
    return decode(name, lay_k(blocks, np.stack(k_bytes(blocks), axis=2)))


def k_sequential(name, blocks):
    return decode(name, lay_k(blocks, np.concatenate(k_bytes(blocks), axis=1)))


def k_swapped(name, blocks):
    low, high = k_bytes(blocks)
    return decode(name, changed(blocks, blocks.shape[1] - 128, join_nibbles(high, low)))


def legacy_offset_missing(name, blocks):
    if name in ("Q4_1", "Q5_1"):
        return decode(name, with_half(blocks, 2, 0))
    return decode(name, blocks) + {"Q4_0": 8, "Q5_0": 16}[name] * half(blocks, 0)


def q5_high_bits_lost(name, blocks):
    start, count = {"Q5_0": (2, 4), "Q5_1": (4, 4), "Q5_K": (16, 32)}[name]
    return decode(name, changed(blocks, start, np.zeros((len(blocks), count), np.uint8)))


def q8_unsigned(name, blocks):
    return half(blocks, 0) * blocks[:, 2:]


# The twelve bytes of Q4_K and Q5_K.

def unpack_pairs(blocks):
    a, b, c = (blocks[:, at:at + 4] for at in (4, 8, 12))
    return (np.concatenate([a & 63, c & 15 | a >> 6 << 4], axis=1),
            np.concatenate([b & 63, c >> 4 | b >> 6 << 4], axis=1))


def pack_pairs(blocks, scale, minimum):
    field = np.concatenate([scale[:, :4] | scale[:, 4:] >> 4 << 6, minimum[:, :4] | minimum[:, 4:] >> 4 << 6,
                            scale[:, 4:] & 15 | (minimum[:, 4:] & 15) << 4], axis=1)
    return changed(blocks, 4, field.astype(np.uint8))


def k_scales_high_bits_lost(name, blocks):
    return decode(name, changed(blocks, 4, blocks[:, 4:12] & 63))


def k_scales_plain_bytes(name, blocks):
    """The formula itself: whole bytes do not fit into six bits."""
    ones = np.ones((len(blocks), 8), np.uint8)
    bare = with_half(with_half(pack_pairs(blocks, ones, ones), 0, 1), 2, 0)
    scale, minimum = (np.repeat(blocks[:, at:at + 8].astype(np.float64), 32, axis=1) for at in (4, 8))
    return half(blocks, 0) * scale * decode(name, bare) - half(blocks, 2) * minimum


def k_scales_swapped(name, blocks):
    return decode(name, pack_pairs(blocks, *unpack_pairs(blocks)[::-1]))


def k_min_dropped(name, blocks):
    return decode(name, with_half(blocks, HALVES[name][1], 0))


def k_min_sign(name, blocks):
    return decode(name, blocks) + 2 * minimum_part(name, blocks)


# Q6_K: 128 bytes of lower bits, 64 of upper bits, 16 scales, d.

def lay_two_bits(values):
    """256 numbers 0 .. 3 as the formats lay them in 64 bytes: four runs of 32 in each half."""
    runs = values.reshape(len(values), 2, 4, 32)
    return (runs[:, :, 0] | runs[:, :, 1] << 2 | runs[:, :, 2] << 4 | runs[:, :, 3] << 6).reshape(-1, 64)


def in_sequence(field, bits):
    """The numbers of `bits` bits of a field, one after another, lowest bits of a byte first."""
    layers = [field >> shift & (1 << bits) - 1 for shift in range(0, 8, bits)]
    return np.stack(layers, axis=2).reshape(len(field), -1)


def q6_k_sequential(name, blocks):
    lower = in_sequence(blocks[:, :128], 4).reshape(-1, 2, 2, 64)
    lower = join_nibbles(lower[:, :, 0], lower[:, :, 1]).reshape(-1, 128)
    return decode(name, changed(changed(blocks, 0, lower), 128, lay_two_bits(in_sequence(blocks[:, 128:192], 2))))


def q6_k_offset_missing(name, blocks):
    signed = np.ascontiguousarray(blocks[:, 192:208]).view(np.int8).astype(np.float64)
    return decode(name, blocks) + 32 * half(blocks, 208) * np.repeat(signed, 16, axis=1)


def q6_k_scales_unsigned(name, blocks):
    ones = changed(blocks, 192, np.ones((len(blocks), 16), np.uint8))
    return decode(name, ones) * np.repeat(blocks[:, 192:208].astype(np.float64), 16, axis=1)


def q6_k_high_bits_lost(name, blocks):
    return decode(name, changed(blocks, 128, np.zeros((len(blocks), 64), np.uint8)))


# Q3_K: 32 bytes of third bits, 64 of lower bits, 12 of scales, d.

def q3_k_inverted(name, blocks):
    return decode(name, changed(blocks, 0, ~blocks[:, :32]))


def q3_k_lost(name, blocks):
    return decode(name, changed(blocks, 0, np.zeros((len(blocks), 32), np.uint8)))


def q3_k_scale_offset_missing(name, blocks):
    return decode(name, blocks) + 32 * half(blocks, 108) * quants(name, blocks)


def q3_k_scale_high_bits_lost(name, blocks):
    return decode(name, changed(blocks, 104, np.zeros((len(blocks), 4), np.uint8)))


# Q2_K: 16 bytes of scale and minimum, 64 of quants, d, dmin.

def q2_k_order(name, blocks):
    return decode(name, changed(blocks, 16, lay_two_bits(in_sequence(blocks[:, 16:80], 2))))


def q2_k_scales(name, blocks):
    return decode(name, changed(blocks, 0, join_nibbles(blocks[:, :16] >> 4, blocks[:, :16] & 15)))


def scale_one(name, blocks):
    return decode(name, with_half(blocks, HALVES[name][0], 1))


def scale_swapped(name, blocks):
    first, second = HALVES[name]
    half_swapped = changed(blocks, first, blocks[:, second:second + 2])
    return decode(name, changed(half_swapped, second, blocks[:, first:first + 2]))


def scale_bf16(name, blocks):
    """d times what a scale of one gives, and minimums apart."""
    def bfloat(at):
        bits = np.ascontiguousarray(blocks[:, at:at + 2]).view("<u2").astype("<u4") << 16
        return bits.view("<f4").astype(np.float64)
    if len(HALVES[name]) == 1:
        return bfloat(HALVES[name][0]) * scale_one(name, blocks)
    first, second = HALVES[name]
    scaled = decode(name, with_half(with_half(blocks, first, 1), second, 0))
    minimum = decode(name, with_half(with_half(blocks, first, 0), second, 1))
    return bfloat(first) * scaled + bfloat(second) * minimum


LEGACY = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL")
AFFINE_K = ("Q2_K", "Q4_K", "Q5_K")
# Fault and parameters: the types that it can befall, and what it makes of a block.
MISREADINGS = {
    "legacy_nibble_order order=interleaved": (LEGACY, legacy_interleaved),
    "legacy_nibble_order order=swapped": (LEGACY, legacy_swapped),
    "legacy_offset_missing": (("Q4_0", "Q4_1", "Q5_0", "Q5_1"), legacy_offset_missing),
    "q5_high_bits_lost": (("Q5_0", "Q5_1", "Q5_K"), q5_high_bits_lost),
    "q8_unsigned": (("Q8_0",), q8_unsigned),
    "k_scales_unpacked rule=high_bits_lost": (("Q4_K", "Q5_K"), k_scales_high_bits_lost),
    "k_scales_unpacked rule=plain_bytes": (("Q4_K", "Q5_K"), k_scales_plain_bytes),
    "k_scales_unpacked rule=scales_mins_swapped": (("Q4_K", "Q5_K"), k_scales_swapped),
    "k_min_sign": (AFFINE_K, k_min_sign),
    "k_min_dropped": (AFFINE_K, k_min_dropped),
    "k_nibble_order order=interleaved": (("Q4_K", "Q5_K"), k_interleaved),
    "k_nibble_order order=high_low_swapped": (("Q4_K", "Q5_K"), k_swapped),
    "k_nibble_order order=sequential": (("Q4_K", "Q5_K"), k_sequential),
    "q6_k_sequential": (("Q6_K",), q6_k_sequential),
    "q6_k_offset_missing": (("Q6_K",), q6_k_offset_missing),
    "q6_k_scales_unsigned": (("Q6_K",), q6_k_scales_unsigned),
    "q6_k_high_bits_lost": (("Q6_K",), q6_k_high_bits_lost),
    "q3_k_high_bit rule=inverted": (("Q3_K",), q3_k_inverted),
    "q3_k_high_bit rule=lost": (("Q3_K",), q3_k_lost),
    "q3_k_scales rule=offset_missing": (("Q3_K",), q3_k_scale_offset_missing),
    "q3_k_scales rule=high_bits_lost": (("Q3_K",), q3_k_scale_high_bits_lost),
    "q2_k_order order=sequential": (("Q2_K",), q2_k_order),
    "q2_k_scales": (("Q2_K",), q2_k_scales),
    "block_scale rule=bf16": (tuple(HALVES), scale_bf16),
    "block_scale rule=d_dmin_swapped": (("Q4_1", "Q5_1", *AFFINE_K), scale_swapped),
    "block_scale rule=one": (tuple(HALVES), scale_one),
}
QUANTIZED = sorted(HALVES)


class Model:
    """A tiny model of one type, and what its tensors hold."""

    def __init__(self, folder, name):
        self.name = name
        self.path = folder / f"{name}.gguf"
        width = {"Q6_K": "--width 512 --heads 16", "F32": "--width 64"}.get(name, f"--width {max(64, BLOCK[name][0])}")
        width += " --feed-forward 256 --vocabulary 259"
        command = [PROGRAMS / "make_tiny_model", self.path, "--type", name, "--biases", *width.split()]
        subprocess.run(command, check=True)
        self.tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(self.path).tensors}

    def matrix(self, name, misread=decode):
        tensor = self.tensors[name]
        inputs, outputs = (int(length) for length in tensor.shape)
        block_bytes = BLOCK[self.name][1]
        blocks = np.ascontiguousarray(tensor.data).view(np.uint8).reshape(-1, block_bytes)
        return misread(self.name, blocks).reshape(outputs, inputs)

    def vector(self, name):
        return self.tensors[name].data.astype(np.float64)

    def output(self, tap, matrix, step):
        """What the step of `tap` gives with another matrix."""
        if tap == "embed":
            return matrix[TOKENS]
        product = step["input0"] @ matrix.T
        return product if tap == "logits" else product + self.vector(WEIGHT[tap].replace("weight", "bias"))


WEIGHT = {"embed": "token_embd.weight", "blk.1.k": "blk.1.attn_k.weight", "logits": "output.weight"}


@functools.cache
def model(folder, name):
    return Model(folder, name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


def run(path, tap, folder, given=None):
    """{"input0": .., "exact": .., "fault parameter=value": ..}"""
    said = "-"
    if given is not None:
        said = folder / "given"
        np.ascontiguousarray(given, np.float64).tofile(said)
    command = [PROGRAMS / "dump_faults", path, folder / "out", tap, said, *map(str, TOKENS)]
    # Teams of two threads for moments of work: they need not stay awake in between.
    environment = os.environ | {"OMP_WAIT_POLICY": "passive"}
    lines = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.splitlines()
    outputs = {file.stem: np.load(file) for file in (folder / "out").glob("[ie]*.npy")}
    for line in lines:
        number, fault = line.split(" ", 1)
        outputs[fault] = np.load(folder / "out" / f"{number}.npy")
    return outputs


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


@pytest.mark.parametrize("name", QUANTIZED)
@pytest.mark.parametrize("tap", ["embed", "blk.1.k"])
def test_blocks(name, tap, folder, tmp_path):
    tiny = model(folder, name)
    step = run(tiny.path, tap, tmp_path)
    right = tiny.output(tap, tiny.matrix(WEIGHT[tap]), step)
    assert difference(step["exact"], right) < BOUND
    expected = {fault for fault, (types, _) in MISREADINGS.items() if name in types}
    assert {fault for fault in step if fault in MISREADINGS} == expected
    for fault in expected:
        wrong = tiny.output(tap, tiny.matrix(WEIGHT[tap], MISREADINGS[fault][1]), step)
        assert difference(step[fault], wrong) < BOUND, fault
        assert difference(wrong, right) > 0.01, fault


@pytest.mark.parametrize("name", ["F32", "Q4_0", "Q6_K"])
@pytest.mark.parametrize("tap", WEIGHT)
def test_matrices(name, tap, folder, tmp_path):
    """Orders and other tensors."""
    tiny = model(folder, name)
    step = run(tiny.path, tap, tmp_path)
    matrix = tiny.matrix(WEIGHT[tap])
    expected = {"weight_transposed": matrix.ravel().reshape(matrix.shape[::-1]).T}
    if name != "F32":
        first = np.arange(matrix.shape[1]) < BLOCK[name][0]
        expected["only_first_block"] = np.where(first, matrix, 0)
    if tap == "embed":
        expected |= {f"embedding_row offset={offset:+}": np.roll(matrix, -offset, axis=0) for offset in (-1, 1)}
    if tap in ("embed", "logits"):
        other = {"embed": "output.weight", "logits": "token_embd.weight"}[tap]
        expected[f"head_tensor tensor={other}"] = tiny.matrix(other)
    else:
        others = ["blk.1.attn_v.weight", "blk.0.attn_k.weight"]
        expected |= {f"wrong_tensor tensor={other}": tiny.matrix(other) for other in others}
    mine = ("weight_transposed", "only_first_block", "embedding_row", "head_tensor", "wrong_tensor")
    assert {fault for fault in step if fault.split()[0] in mine} == expected.keys()
    for fault, wrong in expected.items():
        assert difference(step[fault], tiny.output(tap, wrong, step)) < BOUND, fault


@pytest.mark.parametrize("tap", ["blk.0.ffn_norm", "blk.1.q_rope", "logits"])
def test_rows(tap, folder, tmp_path):
    """Values of another row or layer."""
    tiny = model(folder, "Q4_0")
    step = run(tiny.path, tap, tmp_path)
    exact = step["exact"]
    before, after = exact[[0, 0, 1, 2, 3, 4]], exact[[1, 2, 3, 4, 5, 5]]
    expected = {"stale_value rule=row_before": before, "stale_value rule=row_0": np.tile(exact[0], (len(exact), 1))}
    if tap == "logits":
        expected |= {"logits_row offset=-1": before, "logits_row offset=+1": after}
    if tap.startswith("blk.1."):
        expected["stale_value rule=layer_before"] = run(tiny.path, tap.replace("blk.1", "blk.0"), tmp_path)["exact"]
    assert {fault for fault in step if fault.startswith(("stale_value", "logits_row"))} == expected.keys()
    for fault, wrong in expected.items():
        assert np.array_equal(step[fault], wrong), fault


def test_precision(folder, tmp_path):
    tiny = model(folder, "Q4_0")
    step = run(tiny.path, "blk.1.k", tmp_path)
    x, matrix, bias = step["input0"], tiny.matrix("blk.1.attn_k.weight"), tiny.vector("blk.1.attn_k.bias")

    def to_bf16(values):
        bits = np.float32(values).view("<u4").astype("<u8")
        return (bits + 0x7FFF + (bits >> 16 & 1) >> 16 << 16).astype("<u4").view("<f4").astype(np.float64)

    def to_f16(values):
        return np.float16(np.float32(values)).astype(np.float64)

    # Sums in float32 move a result over the edge between two float16 or bfloat16 numbers now and then.
    for fault, rounded, roundoff in (("f16_storage", to_f16, 2**-11), ("bf16_storage", to_bf16, 2**-8)):
        wrong = rounded(rounded(x) @ rounded(matrix).T + rounded(bias))
        assert np.mean(step[fault] == wrong) > 0.9, fault
        assert np.all(np.abs(step[fault] - wrong) <= 2 * roundoff * np.abs(wrong) + 1e-6), fault
    assert difference(step["f16_accumulation"], step["exact"]) > difference(step["f16_storage"], step["exact"])
    # ggml's blocks of 32: d is a float16, and so is the result's error a few thousandths.
    blocks = x.reshape(len(x), -1, 32)
    largest = np.abs(blocks).max(axis=2, keepdims=True)
    wrong = (np.rint(blocks * (127 / largest)) * np.float16(largest / 127)).reshape(x.shape) @ matrix.T + bias
    assert difference(step["q8_activations"], wrong) < BOUND < difference(step["exact"], wrong)
    assert np.array_equal(step["flush_to_zero"], np.where(np.abs(step["exact"]) < 2**-14, 0, step["exact"]))
    assert not [fault for fault in run(tiny.path, "blk.1.k_rope", tmp_path) if fault == "q8_activations"]


def test_overflow(folder, tmp_path):
    path = tmp_path / "loud.gguf"
    shutil.copy(model(folder, "F32").path, path)
    weights = next(t for t in gguf.GGUFReader(path, "r+").tensors if t.name == "blk.1.ffn_norm.weight").data
    weights *= 65504
    weights.flush()
    exact = run(path, "blk.1.ffn_norm", tmp_path)["exact"]
    is_large = np.abs(exact) > 65504
    assert 0.1 < np.mean(is_large) < 0.9

    def faults(given):
        outputs = run(path, "blk.1.ffn_norm", tmp_path, given)
        rounding = {fault for fault in outputs if fault in ("f16_storage", "bf16_storage", "f16_accumulation")}
        return {fault: output for fault, output in outputs.items() if fault.startswith("f16_overflow")}, rounding

    overflow, rounding = faults(exact)
    assert not overflow and len(rounding) == 3

    infinite = np.where(is_large, np.copysign(np.inf, exact), exact)
    overflow, rounding = faults(infinite)
    # Rounding makes no infinities.
    assert overflow.keys() == {"f16_overflow becomes=inf", "f16_overflow becomes=inf where=sums"} and not rounding
    assert np.array_equal(overflow["f16_overflow becomes=inf"], infinite)

    limited = np.clip(exact, -65504, 65504)
    overflow, rounding = faults(limited)
    assert overflow.keys() == {"f16_overflow becomes=65504"} and len(rounding) == 3
    assert np.array_equal(overflow["f16_overflow becomes=65504"], limited)
