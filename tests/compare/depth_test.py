"""Drift against the numpy engine: both models' taps from it, and each of the candidate's steps run by it on the
reference's values."""

import json
import shutil
import subprocess

import gguf
import numpy as np
import pytest

from tests.foreign import tiny
from tests.foreign.engine import Engine, Model

FIGURES = ["relative_error", "cosine", "sqnr_db", "rms_reference", "rms_candidate", "introduced", "inherited"]
MODELS = {
    "plain": "--seed 3",
    "tied, biases, yarn": f"--tied --biases {tiny.YARN} --seed 4",
    "one kv head": "--kv-heads 1 --blocks 3 --seed 5",
}


def worsened(path, share, seed):
    """A copy of an F32 model, every tensor moved at random by about this share; norms and biases too."""
    copy = path.with_name("candidate.gguf")
    shutil.copy(path, copy)
    random = np.random.default_rng(seed)
    reader = gguf.GGUFReader(copy, "r+")
    for tensor in reader.tensors:
        if tensor.name != "rope_freqs.weight":
            tensor.data[...] *= 1 + share * random.standard_normal(tensor.data.shape).astype(np.float32)
    reader.data.flush()
    return copy


def seated_taps(model, reference, tokens):
    """What every step of the model gives when it reads the reference's taps."""
    engine = Engine(model)
    known = {**reference, "tokens": np.asarray(tokens)}
    return {step.tap: engine.execute(step, known) for step in engine.steps()}


def relative(difference, reference):
    """Root mean square over rows of |difference| / |reference|."""
    rows = np.linalg.norm(difference, axis=1) / np.linalg.norm(reference, axis=1)
    return np.sqrt(np.mean(rows**2))


def expected_figures(r, c, s):
    cosines = np.sum(r * c, axis=1) / np.linalg.norm(r, axis=1) / np.linalg.norm(c, axis=1)
    error = relative(c - r, r)
    return {
        "relative_error": error,
        "cosine": cosines.mean(),
        "sqnr_db": 10 * np.log10(1 / error**2),
        "rms_reference": np.sqrt(np.mean(r**2)),
        "rms_candidate": np.sqrt(np.mean(c**2)),
        "introduced": relative(s - r, r),
        "inherited": relative(c - s, r),
    }


def drift(reference, candidate, engine, tokens):
    run = subprocess.run([tiny.PROGRAMS / "dump_drift", reference, candidate, engine, *map(str, tokens)],
                         check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


# Differences of nearly equal numbers: rounding of relative size u in a tap is u over the error in its figures, here
# u / 0.02, with u = 6e-8 in the fast engine and 1e-16 in the oracle, and some growth through the layers.
@pytest.mark.parametrize("engine, bound", [("oracle", 1e-12), ("fast", 1e-5)])
@pytest.mark.parametrize("name", MODELS)
def test_every_figure_of_every_tap(name, engine, bound, tmp_path, capsys):
    reference = tiny.make(tmp_path, MODELS[name])
    candidate = worsened(reference, 0.02, seed=7)
    tokens = [1, 0, 258, *map(int, np.random.default_rng(1).integers(0, 259, 27))]
    ours = {tap["tap"]: tap for tap in drift(reference, candidate, engine, tokens)["taps"]}
    r, c = Engine(Model(reference)).run(tokens), Engine(Model(candidate)).run(tokens)
    s = seated_taps(Model(candidate), r, tokens)
    assert ours.keys() == r.keys() == s.keys()
    worst = 0
    for tap in r:
        expected = expected_figures(r[tap], c[tap], s[tap])
        # A step that introduces nothing has rounding alone in both engines.
        scale = expected["relative_error"]
        for figure in FIGURES:
            size = scale if figure in ("introduced", "inherited") else abs(expected[figure])
            error = abs(ours[tap][figure] - expected[figure]) / size
            worst = max(worst, error)
            assert error <= bound, (tap, figure, ours[tap][figure], expected[figure])
        assert ours[tap]["worst_channel"] == np.unravel_index(np.abs(c[tap] - r[tap]).argmax(), r[tap].shape)[1], tap
        # The vectors add up, whichever engine made them.
        assert np.allclose((s[tap] - r[tap]) + (c[tap] - s[tap]), c[tap] - r[tap], rtol=0, atol=1e-12)
    with capsys.disabled():
        print(f"\n{name}, {engine}: {len(r)} taps x {len(FIGURES)} figures, worst {worst:.1e}", end="")


def test_steps_without_weights_introduce_nothing(tmp_path):
    reference = tiny.make(tmp_path, "--blocks 3")
    candidate = worsened(reference, 0.05, seed=8)
    for tap in drift(reference, candidate, "fast", range(1, 40))["taps"]:
        assert (tap["introduced"] > 0) == bool(tap["weight"]), tap["tap"]


def test_growth_is_the_median_tokens(tmp_path):
    reference = tiny.make(tmp_path, "--blocks 4 --seed 9")
    candidate = worsened(reference, 0.05, seed=10)
    tokens = list(range(3, 40))
    growth = drift(reference, candidate, "oracle", tokens)["growth"]
    for side, path in (("reference", reference), ("candidate", candidate)):
        taps = Engine(Model(path)).run(tokens)
        rms = [np.median(np.sqrt(np.mean(taps[f"blk.{block}.out"] ** 2, axis=1))) for block in (0, 3)]
        assert abs(growth[side] / (rms[1] / rms[0]) - 1) < 1e-9
