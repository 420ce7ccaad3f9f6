"""Token ids with nothing else: the ids are judged, the network is not."""

import json
import os
import pathlib
import subprocess

import pytest

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
