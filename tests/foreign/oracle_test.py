"""The oracle against the numpy engine: every tap of every model, by the relative size of the difference."""

import os
import pathlib
import subprocess

import numpy as np
import pytest

from tests.foreign import tiny
from tests.foreign.engine import Engine, Model

MODELS = pathlib.Path(__file__).parents[2] / "models"
DATA = pathlib.Path(os.environ["ASSAY_DATA"]) / "models"
BOUND = 1e-10
TINY = (tiny.ROPE | tiny.SHAPES | tiny.QWEN | tiny.GEMMA | tiny.EXPERTS | tiny.FAMILIES | tiny.WINDOWED | tiny.PARTIAL_ROPE
        | tiny.TYPES)


def random_tokens(vocabulary, count):
    """BOS, the first and the last id, and others."""
    others = np.random.default_rng(vocabulary).integers(0, vocabulary, count - 3)
    return [1, 0, vocabulary - 1, *map(int, others)]


def oracle_taps(path, tokens, folder):
    folder = folder / "taps"
    subprocess.run([tiny.PROGRAMS / "dump_taps", path, "oracle", folder, *map(str, tokens)], check=True)
    return {file.stem: np.load(file) for file in folder.glob("*.npy")}


def relative_error(candidate, reference):
    assert candidate.shape == reference.shape
    """Of zeros, as indices may be, the difference itself."""
    return np.linalg.norm(candidate - reference) / (np.linalg.norm(reference) or 1)


def compare(name, path, tokens, folder, capsys):
    """Every tap within the bound, for each token; prints the worst."""
    expected = Engine(Model(path)).run(tokens)
    actual = oracle_taps(path, tokens, folder)
    assert actual.keys() == expected.keys()
    errors = {tap: max(relative_error(*rows) for rows in zip(actual[tap], expected[tap])) for tap in expected}
    worst = max(errors, key=errors.get)
    with capsys.disabled():
        print(f"\n{name}: {len(errors)} taps x {len(tokens)} tokens, worst {errors[worst]:.1e} at {worst}", end="")
    assert errors[worst] <= BOUND, {tap: error for tap, error in errors.items() if error > BOUND}


@pytest.mark.parametrize("name", TINY)
def test_tiny_model(name, tmp_path, capsys):
    path = tiny.make(tmp_path, TINY[name])
    compare(name, path, random_tokens(259, 24), tmp_path, capsys)


def test_kingjames(tmp_path, capsys):
    compare("kingjames-7m", MODELS / "kingjames-7m.f16.gguf", random_tokens(4096, 40), tmp_path, capsys)


@pytest.mark.parametrize("file, vocabulary", [
    ("stories260K.gguf", 512),
    ("tinystories-656k/TinyStories-656K-Q8_0.gguf", 2048),
    ("tinystories-656k/TinyStories-656K.f16.gguf", 2048),
])
def test_other_peoples_models(file, vocabulary, tmp_path, capsys):
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not in ASSAY_DATA")
    compare(file, DATA / file, random_tokens(vocabulary, 60), tmp_path, capsys)
