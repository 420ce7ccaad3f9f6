"""Number formats against the numpy decoders of the PyPI package gguf, and half floats against numpy."""

import ctypes
import os
import pathlib
import subprocess

import gguf
import libggml
import numpy as np
import pytest

GGML = ctypes.CDLL(str(next(pathlib.Path(libggml.__file__).parent.glob("lib*/libggml-base.so"))))
PROGRAM = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs" / "quant_blocks"

# Offsets of the float16 fields of a block.
HALF_FIELDS = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64], "MXFP4": [], "NVFP4": [],
    "Q8_1": [0, 2], "Q8_K": [], "IQ1_S": [0], "IQ1_M": [], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0],
}
QUANTIZED = sorted(HALF_FIELDS)
NUMBERS = {"F64": np.float64, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64}
DECODABLE = ["F32", "F16", "BF16", *NUMBERS, *QUANTIZED]

# Zeros, the smallest and largest subnormals and normals, one, infinities, quiet and signalling NaN, both signs.
SPECIAL_HALVES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x83FF, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF, 0x7C00,
                  0xFC00, 0x7E00, 0x7C01, 0xFE00]


def sizes(name):
    """Values and bytes a block."""
    if name == "Q8_1":  # gguf counts two floats where ggml has had two halves for years
        return 32, GGML.ggml_type_size(gguf.GGMLQuantizationType.Q8_1)
    return gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]


def run(folder, what, data, result_type, type_name=None):
    source, target = folder / "in", folder / "out"
    data.tofile(source)
    subprocess.run([PROGRAM, what, *([type_name] if type_name else []), source, target], check=True)
    return np.fromfile(target, result_type)


def bits_differ(ours, theirs):
    """How many values are not the same bits; any NaN equals any NaN."""
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    unsigned = {2: np.uint16, 4: np.uint32, 8: np.uint64}[ours.itemsize]
    same = (ours.view(unsigned) == theirs.view(unsigned)) | (np.isnan(ours) & np.isnan(theirs))
    return int(np.count_nonzero(~same))


def random_blocks(name, count=4096):
    generator = np.random.default_rng(gguf.GGMLQuantizationType[name])
    if name == "F64":  # mostly what float32 reaches
        return np.ldexp(generator.standard_normal(count), generator.integers(-160, 127, count)).view(np.uint8).reshape(count, 8)
    return generator.integers(0, 256, (count, sizes(name)[1]), np.uint8)


def extreme_blocks(name):
    """Every byte pattern that fills a field with an extreme, under every combination of special scales."""
    patterns = [0x00, 0xFF, 0x80, 0x7F, 0x0F, 0xF0, 0x3F, 0xC0, 0x01, 0xFE, 0x55, 0xAA]
    bodies = np.concatenate([np.repeat(np.uint8(patterns)[:, None], sizes(name)[1], axis=1), random_blocks(name, 4)])
    if name in ("MXFP4", "NVFP4"):  # one scale of a byte, or four
        scales = np.tile(bodies, (256, 1))
        scales[:, :sizes(name)[0] // 16 if name == "NVFP4" else 1] = np.repeat(np.arange(256), len(bodies))[:, None]
        return scales
    if name == "IQ1_M":  # its scale's nibbles stand in the upper bits of four words
        blocks = np.tile(bodies, (len(SPECIAL_HALVES), 1))
        halves = np.repeat(np.uint8(np.array(SPECIAL_HALVES)[:, None] >> np.arange(0, 16, 4) & 15), len(bodies), axis=0)
        blocks[:, 49::2] = (blocks[:, 49::2] & 15) | (halves << 4)
        return blocks
    if name == "Q8_K":
        scales = np.float32([0, -0.0, 1e-45, -1e-38, 1, -3.5, 3e38, -3.4028235e38, np.inf, np.nan])
        blocks = np.tile(bodies, (len(scales), 1))
        blocks[:, :4] = np.repeat(scales, len(bodies))[:, None].view(np.uint8)
        return blocks
    fields = HALF_FIELDS.get(name, [])
    if not fields:
        halves = np.uint16(SPECIAL_HALVES)
        wide = (halves.astype(np.uint32) << 16).view(np.uint8)
        return np.concatenate([bodies.ravel(), halves.view(np.uint8), wide]).reshape(-1, sizes(name)[1])
    combinations = np.array(np.meshgrid(*[SPECIAL_HALVES] * len(fields))).reshape(len(fields), -1).T.astype("<u2")
    blocks = np.tile(bodies, (len(combinations), 1))
    for column, offset in enumerate(fields):
        blocks[:, offset:offset + 2] = np.repeat(combinations[:, column], len(bodies))[:, None].view(np.uint8)
    return blocks


def reference(name, blocks):
    """What gguf decodes; where it does not, numpy by the definition."""
    if name in NUMBERS:
        with np.errstate(all="ignore"):
            return blocks.view(NUMBERS[name]).ravel().astype(np.float32)
    if name in ("Q8_1", "Q8_K"):
        d = blocks[:, :2].view(np.float16) if name == "Q8_1" else blocks[:, :4].view(np.float32)
        with np.errstate(all="ignore"):
            return (d.astype(np.float32) * blocks[:, 4:4 + sizes(name)[0]].view(np.int8)).astype(np.float32).ravel()
    raw = blocks.view({"F32": np.float32, "F16": np.float16}.get(name, np.uint8))
    with np.errstate(all="ignore"):
        return gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[name]).astype(np.float32).ravel()


def all_blocks(name):
    return np.concatenate([random_blocks(name), extreme_blocks(name)])


def test_the_list_is_ggufs():
    ours = [line.split() for line in subprocess.check_output([PROGRAM, "list"], text=True).splitlines()]
    theirs = {(int(t), t.name, *sizes(t.name)) for t in gguf.GGMLQuantizationType}
    assert {(int(i), name, int(values), int(size)) for i, name, values, size, *_ in ours} == theirs
    assert sorted(name for _, name, _, _, decodable, _ in ours if decodable == "1") == sorted(DECODABLE)


@pytest.mark.parametrize("name", DECODABLE)
@pytest.mark.parametrize("blocks", [random_blocks, extreme_blocks])
def test_decode_gives_the_references_bits(name, blocks, tmp_path):
    blocks = blocks(name)
    assert bits_differ(run(tmp_path, "decode", blocks, np.float32, name), reference(name, blocks)) == 0


@pytest.mark.parametrize("name", DECODABLE)
def test_exact_values_are_within_half_an_ulp_of_the_reference(name, tmp_path):
    blocks = all_blocks(name)
    exact = run(tmp_path, "exact", blocks, np.float64, name)
    theirs = reference(name, blocks)
    finite = np.isfinite(theirs)
    # MXFP4 reaches past the largest float32.
    assert np.array_equal(finite, np.abs(exact) <= np.finfo(np.float32).max)
    assert np.count_nonzero(finite) > finite.size // 2
    error = np.abs(exact[finite] - theirs[finite].astype(np.float64))
    unit = np.exp2(np.maximum(np.frexp(theirs[finite].astype(np.float64))[1] - 24, -149))
    assert np.all(error <= 0.5 * unit)


@pytest.mark.parametrize("name", QUANTIZED)
def test_integers_of_a_block_give_its_exact_values(name, tmp_path):
    blocks = all_blocks(name)
    block_values = sizes(name)[0]
    integers = run(tmp_path, "apart", blocks, np.int32, name).reshape(len(blocks), 289)
    scales = run(tmp_path, "scales", blocks, np.float32, name).reshape(-1, 2)
    group_values = integers[0, 0]
    assert np.all(integers[:, 0] == group_values) and group_values in (16, 32, 256)
    groups = block_values // group_values
    spread = [np.repeat(integers[:, at:at + groups], group_values, axis=1) for at in (1, 17)]
    quants = integers[:, 33:33 + block_values]
    with np.errstate(all="ignore"):
        d, dmin = scales.astype(np.float64).T
        values = d[:, None] * spread[0] * quants - dmin[:, None] * spread[1]
    assert bits_differ(values.ravel(), run(tmp_path, "exact", blocks, np.float64, name)) == 0


def test_halves_widen_as_in_numpy(tmp_path):
    everything = np.arange(65536, dtype=np.uint16)
    ours = run(tmp_path, "from-half", everything, np.float32)
    with np.errstate(invalid="ignore"):
        assert bits_differ(ours, everything.view(np.float16).astype(np.float32)) == 0
    ours = run(tmp_path, "from-bfloat", everything, np.float32)
    assert bits_differ(ours, (everything.astype(np.uint32) << 16).view(np.float32)) == 0


def rounding_cases():
    """Random bits, every half with its neighbours in float32, and every tie between two halves with its neighbours."""
    random = np.random.default_rng(5).integers(0, 1 << 32, 1 << 20, np.uint32)
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    ties = (halves[:-1] + halves[1:]) / 2
    points = np.concatenate([halves, ties, np.float32([65519, 65520, 65521, np.inf])])
    points = np.concatenate([points, np.nextafter(points, np.float32(0)), np.nextafter(points, np.float32(np.inf))])
    return np.concatenate([random.view(np.float32), points, -points])


def test_floats_round_to_half_as_in_numpy(tmp_path):
    values = rounding_cases()
    with np.errstate(all="ignore"):
        theirs = values.astype(np.float16)
    assert bits_differ(run(tmp_path, "to-half", values, np.float16), theirs) == 0


def test_floats_round_to_bfloat_to_nearest_even(tmp_path):
    upper = np.arange(65536, dtype=np.uint32) << 16
    values = np.concatenate([upper + low for low in (0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF)]).view(np.float32)
    values = np.concatenate([values, rounding_cases()])
    ours = run(tmp_path, "to-bfloat", values, np.uint16)
    assert np.array_equal(np.isnan(values), np.isnan((ours.astype(np.uint32) << 16).view(np.float32)))
    finite = values[np.isfinite(values)].astype(np.float64)
    rounded = (ours[np.isfinite(values)].astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    # Overflow: the first value past the largest bfloat16 stands where infinity is.
    rounded = np.where(np.isinf(rounded), np.copysign(2.0 ** 128, rounded), rounded)
    exponent = np.maximum(np.frexp(finite)[1] - 8, -133)
    units = finite / np.exp2(exponent)
    assert np.array_equal(rounded, np.rint(units) * np.exp2(exponent))
