"""bench/peers.py measures: every engine answers every question on a small model, and the ratios are of what was measured."""

import os
import pathlib
import re
import statistics
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import make_model  # noqa: E402
import peers  # noqa: E402


@pytest.mark.skipif(not (ROOT / "build" / "llama").is_dir(), reason="scripts/setup could not fetch llama.cpp's libraries")
def test_a_run(tmp_path):
    model = make_model.make("tiny", "Q4_K_M", tmp_path, os.environ["ASSAY_BINARY"], 1)
    command = [sys.executable, ROOT / "bench" / "peers.py", model, "--rounds", "3", "--starts", "1", "--prompt", "16", "--decode", "4",
               "--depth", "32", "--threads", "1", "--engines", "repacking,plain,cyllama",
               "--speed", pathlib.Path(os.environ["ASSAY_BUILD"]) / "bench" / "speed"]
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for question in ("prompt 16", "decode 4 0", "decode 4 32"):
        section = table.split(f"\n{question}, ")[1].split("\n\n")[0].splitlines()[1:]
        speeds = {line.split("  ")[1]: list(map(float, re.findall(r"\d+\.\d+(?= \(| to|\))", line))) for line in section}
        assert len(speeds) == 4 and sum("best" in line for line in section) == 1
        ours, *others = speeds.values()
        assert ours[0] > 0
        for theirs in others:
            assert theirs[1] <= theirs[0] <= theirs[2]
            # Median, smallest and largest of three quotients of neighbours.
            assert ours[1] / theirs[2] * 0.98 <= theirs[4] <= theirs[3] <= theirs[5] <= ours[2] / theirs[1] * 1.02
    assert re.search(r"^\| tiny\.Q4_K_M \|( -?\d[^|]+\|){6}$", table, re.MULTILINE)


def test_ratios_are_of_neighbours():
    engine = {name: peers.Engine([], name=name, starts=[{"first_token_s": 1.0}] * 3) for name in ("ours", "theirs")}
    engine["ours"].rates = {"prompt 1": [2.0, 4.0, 8.0]}
    engine["theirs"].rates = {"prompt 1": [1.0, 2.0, 2.0]}
    engines = {"assay": engine["ours"], "peer": engine["theirs"]}
    assert statistics.median(peers.ratios([2.0, 4.0, 8.0], [1.0, 2.0, 2.0])) == 2
    assert peers.report(engines)[:2] == ["2.00 (2.00 to 4.00)", "1.00 (1.00 to 1.00)"]
