"""Weights read wrongly, values taken from elsewhere, and rounding: what the faults say a step gives, against numpy.

Blocks are misread by tests/foreign/misread.py, whose right decoders are held to those of the PyPI package gguf.
"""

import functools
import os
import pathlib
import shutil
import subprocess

import gguf
import numpy as np
import pytest

from tests.foreign import formats, misread

PROGRAMS = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs"
TOKENS = [1, 0, 258, 7, 7, 42]
BOUND = 1e-10


def label(fault, parameters):
    """As dump_faults prints it."""
    return " ".join([fault, *(f"{name}={value}" for name, value in parameters.items())])


def misreadings(kind):
    """{label: decoder} of what can befall a type."""
    return {label(name, parameters): functools.partial(misread.MISREADINGS[name][1], **parameters)
            for name, (_, _, variants) in misread.MISREADINGS.items() for parameters in variants
            if misread.possible(name, kind, parameters)}


class Model:
    """A tiny model of one type, and what its tensors hold."""

    def __init__(self, folder, kind):
        self.kind = kind
        self.path = folder / f"{kind}.gguf"
        # Rows of whole blocks; of two in Q6_K, whose last blocks are looked at too.
        width = max(64, misread.BLOCK_VALUES.get(kind, 1)) * (2 if kind == "Q6_K" else 1)
        arguments = f"--type {kind} --biases --width {width} --heads {width // 16} --feed-forward 256 --vocabulary 259"
        subprocess.run([PROGRAMS / "make_tiny_model", self.path, *arguments.split()], check=True)
        self.tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(self.path).tensors}

    def matrix(self, name, decode=misread.right):
        tensor = self.tensors[name]
        blocks = np.ascontiguousarray(tensor.data).view(np.uint8).reshape(-1, formats.FORMATS[self.kind][0])
        return decode(self.kind, blocks).reshape(tensor.shape[::-1])

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


@pytest.mark.parametrize("kind", misread.BLOCK_VALUES)
@pytest.mark.parametrize("tap", ["embed", "blk.1.k"])
def test_blocks(kind, tap, folder, tmp_path):
    tiny = model(folder, kind)
    step = run(tiny.path, tap, tmp_path)
    right = tiny.output(tap, tiny.matrix(WEIGHT[tap]), step)
    assert difference(step["exact"], right) < BOUND
    expected = misreadings(kind)
    assert {fault for fault in step if fault.split()[0] in misread.MISREADINGS} == expected.keys()
    for fault, decode in expected.items():
        wrong = tiny.output(tap, tiny.matrix(WEIGHT[tap], decode), step)
        assert difference(step[fault], wrong) < BOUND, fault
        assert difference(wrong, right) > 0.01, fault


@pytest.mark.parametrize("kind", ["F32", "Q4_0", "Q6_K"])
@pytest.mark.parametrize("tap", WEIGHT)
def test_matrices(kind, tap, folder, tmp_path):
    """Orders and other tensors."""
    tiny = model(folder, kind)
    step = run(tiny.path, tap, tmp_path)
    matrix = tiny.matrix(WEIGHT[tap])
    expected = {"weight_transposed": matrix.ravel().reshape(matrix.shape[::-1]).T}
    if kind != "F32":
        first = np.where(np.arange(matrix.shape[1]) < misread.BLOCK_VALUES[kind], matrix, 0)
        expected["only_first_block of=row"] = first
        expected["only_first_block of=tensor"] = np.where(np.arange(len(first))[:, None] == 0, first, 0)
    if tap == "embed":
        rows = np.arange(len(matrix))
        expected |= {f"embedding_row offset={offset:+}": matrix[np.clip(rows + offset, 0, len(rows) - 1)]
                     for offset in (-1, 1)}
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
    expected = {"stale_value row=before": before, "stale_value row=first": np.tile(exact[0], (len(exact), 1))}
    if tap == "logits":
        expected |= {"logits_row offset=-1": before, "logits_row offset=+1": after}
    if tap.startswith("blk.1."):
        expected["stale_value layer=before"] = run(tiny.path, tap.replace("blk.1", "blk.0"), tmp_path)["exact"]
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
    assert difference(step["q8_activations"], wrong) < 1e-6 < 1e-3 < difference(step["exact"], wrong)
    assert not [fault for fault in run(tiny.path, "blk.1.k_rope", tmp_path) if fault == "q8_activations"]


def test_flush_to_zero(folder, tmp_path):
    tiny = model(folder, "Q4_0")
    step = run(tiny.path, "blk.1.ffn_act", tmp_path)
    # The boundary matters: some values are below it, others a little above.
    sizes = np.abs(step["exact"])
    assert np.any(sizes < 2**-14) and np.any((sizes > 2**-14) & (sizes < 2**-13))
    assert np.array_equal(step["flush_to_zero"], np.where(sizes < 2**-14, 0, step["exact"]))
    assert "flush_to_zero" not in run(tiny.path, "blk.1.ffn_act", tmp_path, step["exact"])


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
    places = {"f16_overflow becomes=inf" + where for where in ("", " where=inputs", " where=sums")}
    assert overflow.keys() == places and not rounding
    assert np.array_equal(overflow["f16_overflow becomes=inf"], infinite)

    limited = np.clip(exact, -65504, 65504)
    overflow, rounding = faults(limited)
    assert overflow.keys() == {"f16_overflow becomes=65504"} and len(rounding) == 3
    assert np.array_equal(overflow["f16_overflow becomes=65504"], limited)
