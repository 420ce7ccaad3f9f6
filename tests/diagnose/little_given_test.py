"""Dumps that say little: what was given is judged, what was not is said. Token ids alone say nothing of the network."""

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest

from tests.foreign.dump import write_npz

KINGJAMES = pathlib.Path(__file__).parents[2] / "models" / "kingjames-7m.f16.gguf"


@pytest.mark.parametrize("ids, verdict, fault", [
    ("1 891 261 2484", "undecided", None),
    ("891 261 2484", "fault", "bos_missing"),
    ("1 1 891 261 2484", "fault", "bos_double"),
])
def test_ids_alone(ids, verdict, fault, tmp_path):
    (tmp_path / "ids.txt").write_text(ids)
    command = [os.environ["ASSAY_BINARY"], "diagnose", KINGJAMES, "-p", "In the beginning", "--trace", tmp_path / "ids.txt", "--json"]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    found = json.loads(run.stdout)
    assert found["verdict"] == verdict and run.returncode == (verdict == "fault")
    assert [finding["fault"] for finding in found["findings"]] == ([fault] if fault else [])
    assert found["needed"] and not found["acquitted"]


def test_a_dump_of_another_model_is_refused(tmp_path):
    """Its ids alone would be searched for what the whole model says to them."""
    write_npz(tmp_path / "t.npz", {"embed": np.ones((4, 24)), "blk.0.q": np.ones((4, 24))}, [1, 5, 6, 7], 3)
    command = [os.environ["ASSAY_BINARY"], "diagnose", KINGJAMES, "--trace", tmp_path / "t.npz"]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert run.returncode == 2 and "nothing in it is a value of this model: embed: its shape [4, 24]" in run.stderr


def test_a_probe_without_a_dump_says_nothing(tmp_path):
    """Its ids are its own."""
    assay = os.environ["ASSAY_BINARY"]
    subprocess.run([assay, "probe", KINGJAMES, "--long", "33", "-o", tmp_path / "probe"], check=True, capture_output=True)
    run = subprocess.run([assay, "diagnose", KINGJAMES, "--trace", tmp_path / "probe/short/dump", "--json"], capture_output=True)
    found = json.loads(run.stdout)
    assert (found["verdict"], run.returncode) == ("undecided", 0)
    assert found["needed"] == ["values, logits or chosen ids: token ids alone say nothing about the network"]


def test_what_was_not_given_is_said(tmp_path):
    """A right dump that ends early is right as far as it goes."""
    trace = tmp_path / "t.safetensors"
    assay = os.environ["ASSAY_BINARY"]
    subprocess.run([assay, "trace", KINGJAMES, "-p", "In the beginning", "--taps", "embed,blk.0.*", "-o", trace], check=True,
                   capture_output=True)
    found = json.loads(subprocess.run([assay, "diagnose", KINGJAMES, "--trace", trace, "--json"], capture_output=True).stdout)
    assert found["verdict"] == "rounding" and len(found["acquitted"]) == 16
    assert found["needed"] == ["logits: the 77 steps behind blk.0.out could not be judged"]


@pytest.mark.parametrize("tokens", [[1, 77777, 6, 5], [1, 5, 6, 77777]], ids=["in the prompt", "decoded"])
def test_ids_outside_the_vocabulary_are_named(tokens, tmp_path):
    (tmp_path / "facts.json").write_text(json.dumps({"tokens": tokens, "prompt_tokens": 3}))
    command = [os.environ["ASSAY_BINARY"], "diagnose", KINGJAMES, "--trace", tmp_path / "facts.json", "--json"]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    found = json.loads(run.stdout)
    assert found["verdict"] == "fault" and run.returncode == 1
    assert [finding["fault"] for finding in found["findings"]] == ["outside_vocabulary"]
    assert found["findings"][0]["parameters"] == {"id": "77777"}
