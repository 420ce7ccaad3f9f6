"""Encoders against ggml's own, byte for byte, with and without an importance."""

import ctypes
import os
import pathlib
import subprocess

import gguf
import libggml
import numpy as np
import pytest

PROGRAM = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs" / "quant_blocks"
MODELS = pathlib.Path(__file__).parents[2] / "models"
ENCODABLE = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
             "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4",
             "NVFP4"]
GRIDS = [name for name in ENCODABLE if name[:3] in ("IQ1", "IQ2", "IQ3")]
# Types that ggml writes with an importance only.
NEEDS_IMPORTANCE = ["IQ1_S", "IQ2_XXS", "IQ2_XS"]

GGML = ctypes.CDLL(str(next(pathlib.Path(libggml.__file__).parent.glob("lib*/libggml-base.so"))))
FLOATS = ctypes.POINTER(ctypes.c_float)
GGML.ggml_quantize_chunk.restype = ctypes.c_size_t
GGML.ggml_quantize_chunk.argtypes = [ctypes.c_int, FLOATS, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
                                     ctypes.c_int64, FLOATS]


def block_of(name):
    return gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]


def theirs(name, rows, importance):
    values, size = block_of(name)
    row_bytes = rows.shape[1] // values * size
    out = np.zeros((rows.shape[0], row_bytes), np.uint8)
    weights = None if importance is None else importance.ctypes.data_as(FLOATS)
    GGML.ggml_quantize_chunk(int(gguf.GGMLQuantizationType[name]), rows.ctypes.data_as(FLOATS), out.ctypes.data, 0,
                             rows.shape[0], rows.shape[1], weights)
    return out


def ours(name, rows, importance, folder):
    np.concatenate([np.float32([rows.shape[1]]), rows.ravel()]).tofile(folder / "in")
    arguments = [PROGRAM, "encode", name, folder / "in", folder / "out"]
    if importance is not None:
        importance.tofile(folder / "importance")
        arguments.append(folder / "importance")
    subprocess.run(arguments, check=True)
    return np.fromfile(folder / "out", np.uint8).reshape(rows.shape[0], -1)


def random_rows(width):
    """Normal, heavy-tailed, one-sided and coarse values at many magnitudes."""
    generator = np.random.default_rng(width)
    shape = (24, width)
    kinds = [generator.standard_normal(shape), generator.standard_t(2, shape), generator.uniform(-1, 1, shape),
             np.abs(generator.standard_normal(shape)), -generator.uniform(0.5, 1, shape),
             np.rint(3 * generator.standard_normal(shape)), generator.laplace(size=shape) * (generator.random(shape) < 0.1)]
    scales = np.exp2(generator.integers(-20, 12, (24, 1)))
    return np.concatenate([kind * scales for kind in kinds]).astype(np.float32)


def extreme_rows(width):
    """Zeros, constants, single values, ties, subnormals, values around the range of the scales' float16."""
    rows = [np.zeros(width), np.full(width, -0.0)]
    for value in [1, -1, 0.1, 1e-15, 9e-16, 1e-30, 1e-38, 1e-40, -1e-45, 6e-8, 3e-5, 65504, 7e4, 1e6, 1e15, 1e19]:
        rows += [np.full(width, value), np.full(width, -value), value * (-1.0) ** np.arange(width)]
        rows += [value * np.eye(1, width, at)[0] for at in (0, 31, width - 1)]
        rows += [value * (np.arange(width) % steps - shift) / steps for steps in (4, 16, 32, 255) for shift in (0, steps / 2)]
    rows += [np.where(np.arange(width) % 32 == at, 1, 2.0 ** -at) for at in range(0, 32, 5)]
    below = [np.nextafter(np.float32(2.0 ** power), np.float32(0)) * np.eye(1, width)[0] for power in range(-120, 16, 4)]
    generator = np.random.default_rng(3)
    signs = [np.copysign(generator.integers(0, 2, width), generator.standard_normal(width)) for _ in range(8)]
    zeros = [np.copysign(0, generator.standard_normal(width)) for _ in range(8)]
    return np.array(rows + below + signs + zeros).astype(np.float32)


def model_rows(width):
    """Rows of real weights."""
    reader = gguf.GGUFReader(MODELS / "kingjames-7m.f16.gguf")
    rows = [np.float32(tensor.data).ravel() for tensor in reader.tensors if tensor.tensor_type == 1]
    return np.concatenate([row[:width * 3].reshape(-1, width) for row in rows])


def importances(width):
    generator = np.random.default_rng(width + 1)
    spread = generator.chisquare(1, width) * np.exp2(generator.integers(-6, 6, width))
    return [None, spread, np.where(generator.random(width) < 0.3, 0, spread), np.zeros(width), np.full(width, 1e-20)]


def test_every_type_that_can_be_written_is_tested():
    types = [line.split() for line in subprocess.check_output([PROGRAM, "list"], text=True).splitlines()]
    assert sorted(name for _, name, *_, encodable in types if encodable == "1") == sorted(ENCODABLE)


def rows_for(name, make_rows, width, step=5):
    """Codebooks of entries take ggml long: every fifth row; it aborts where weighted squares are infinite."""
    rows = make_rows(width)
    if name not in GRIDS:
        return rows
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(rows[np.isfinite((rows ** 4).sum(axis=1))][::step])


@pytest.mark.parametrize("make_rows", [random_rows, extreme_rows, model_rows])
@pytest.mark.parametrize("name", ENCODABLE)
def test_bytes_are_ggmls(name, make_rows, tmp_path):
    width = {32: 352, 64: 384}.get(block_of(name)[0], 512)
    rows = rows_for(name, make_rows, width)
    if name == "IQ3_S":
        rows = rows[~empty_groups(rows).any(axis=1)]
    for importance in importances(width)[name in NEEDS_IMPORTANCE:2 if make_rows is model_rows else None]:
        weights = None if importance is None else importance.astype(np.float32)
        expected = theirs(name, rows, weights)
        found = ours(name, rows, weights, tmp_path)
        different = np.flatnonzero((expected != found).any(axis=1))
        assert different.size == 0, f"{different.size} of {len(rows)} rows differ, first {different[:5]}"


def empty_groups(rows):
    return (rows == 0).reshape(len(rows), -1, 32).all(axis=2)


@pytest.mark.parametrize("make_rows", [random_rows, extreme_rows])
def test_iq3_s_with_empty_groups(make_rows, tmp_path):
    """Behind a group of zeros ggml puts the rest of a block in the wrong place. A group does not depend on where it stands:
    what ggml makes of the block with its empty groups at the end says what is right."""
    kind = gguf.GGMLQuantizationType.IQ3_S
    rows = rows_for("IQ3_S", make_rows, 512, 1)
    rows = rows[empty_groups(rows).any(axis=1)]
    assert len(rows) > 2
    found = gguf.quants.dequantize(ours("IQ3_S", rows, None, tmp_path), kind)
    groups = rows.reshape(-1, 8, 32)
    order = np.argsort(empty_groups(rows).reshape(-1, 8), axis=1, kind="stable")[:, :, None]
    sorted_rows = np.ascontiguousarray(np.take_along_axis(groups, order, axis=1).reshape(rows.shape))
    values = gguf.quants.dequantize(theirs("IQ3_S", sorted_rows, None), kind).reshape(groups.shape)
    expected = np.take_along_axis(values, np.argsort(order, axis=1), axis=1)
    assert np.array_equal(found.reshape(groups.shape), expected)
