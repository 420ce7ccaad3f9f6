"""assay compare where a model holds a weight that is no number: it fails alone, in words, and the drift names the weight."""

import json
import os
import pathlib
import shutil
import subprocess

import gguf
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
KINGJAMES = ROOT / "models" / "kingjames-7m.f16.gguf"
TEXT = ["--text", ROOT / "CONTRIBUTING.md", "--ctx", "32", "--chunks", "2", "--drift", "16"]
WEIGHT = "blk.2.ffn_up.weight"


def changed(path, change):
    shutil.copy(KINGJAMES, path)
    reader = gguf.GGUFReader(path, "r+")
    change(next(tensor for tensor in reader.tensors if tensor.name == WEIGHT).data)
    reader.data.flush()
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("non_finite")

    def break_one(data):
        data[7, 3] = np.nan

    def round_all(data):
        data[...] = np.round(data * 64) / 64

    return changed(folder / "broken.gguf", break_one), changed(folder / "sound.gguf", round_all)


def compare(*arguments):
    return subprocess.run([os.environ["ASSAY_BINARY"], "compare", *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize("engine", ["fast", "oracle"])
def test_a_broken_candidate_fails_alone(models, engine):
    broken, sound = models
    options = [*TEXT, "-p", "In the beginning", "-n", "2", "--culprits", "--max-kl", "10", "--engine", engine, "--json"]
    run = compare(KINGJAMES, broken, sound, *options)
    assert run.returncode == 1, run.stderr
    document = json.loads(run.stdout)
    first, second = document["candidates"]
    assert first["failure"].startswith("chunk 1, position ") and WEIGHT in first["failure"]
    assert WEIGHT in first["prompt_failure"]
    assert "kl" not in first and "top" not in first and "culprits" not in first
    assert document["failures"] == [f"{broken}: {first['failure']}", f"{broken}: {first['prompt_failure']}"]
    assert f"Values are not finite from blk.2.ffn_up ({WEIGHT}, F16) on" in first["growth"]["verdict"][0]
    # The other is what it is without the first.
    assert second == json.loads(compare(KINGJAMES, sound, *options).stdout)["candidates"][0]
    assert second["kl"]["mean"] > 0 and document["reference"]["ppl"] > 1


def test_in_words_and_when_all_candidates_fail(models):
    run = compare(KINGJAMES, models[0], *TEXT)
    assert run.returncode == 1
    assert f"the logits are not finite; {WEIGHT} (F16): block" in run.stdout
    assert "failed: " in run.stderr and WEIGHT in run.stderr


@pytest.mark.parametrize("options", [TEXT, ["-p", "In the beginning"]])
def test_a_broken_reference_ends_the_run(models, options):
    run = compare(*models, *options)
    assert run.returncode == 2 and run.stdout == ""
    assert "the reference, " in run.stderr and WEIGHT in run.stderr
