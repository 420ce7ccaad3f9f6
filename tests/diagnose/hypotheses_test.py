"""Every fault's own computation, beside the numpy engine's on the same inputs: what is planted must be proposed, and
must give the same numbers."""

import subprocess

import numpy as np
import pytest

from tests.diagnose.bench import MODELS, NOTICEABLE, PROMPT_TOKENS, tokens_for
from tests.foreign import tiny
from tests.foreign.engine import Engine, Model
from tests.foreign.faults import FAULTS, FaultyEngine, Planted, split_tap

# float32 of a solved parameter, as the candidate says it, is not in play: both are float64.
BOUND = 1e-7
TOKENS = tokens_for()


def hypotheses(path, folder, tap, given=None):
    """[(fault, "name=value ..." , output)] of what is proposed for the step when the candidate said `given`."""
    if given is not None:
        given.astype(np.float64).tofile(folder / "given.bin")
    ids = [*map(str, TOKENS[:PROMPT_TOKENS]), "/", *map(str, TOKENS[PROMPT_TOKENS:])]
    done = subprocess.run([tiny.PROGRAMS / "dump_faults", path, folder, tap,
                           "-" if given is None else folder / "given.bin", *ids], check=True, capture_output=True,
                          text=True)
    rows = [line.split(" ", 2) for line in done.stdout.splitlines()]
    return [(fault, " ".join(parameters), np.load(folder / f"{number}.npy")) for number, fault, *parameters in rows]


def best(tried, planted, given):
    """(how far from `given`, with which parameters) the fault of that name comes; None where it is not proposed."""
    return min(((np.linalg.norm(output - given) / np.linalg.norm(given), parameters)
                for fault, parameters, output in tried if fault == planted.name), default=None)


def plantings(engine):
    """Every fault with every parameter, each at the last step where it can be."""
    found = {}
    for step in engine.steps():
        layer, tap_name = split_tap(step.tap)
        for name, fault in FAULTS.items():
            for parameters in fault.variants(engine, step):
                found[name, str(parameters)] = Planted(name, parameters, {layer}, {tap_name})
    return found.values()


# The misreadings of weights are judged in misread_test.py.
@pytest.mark.parametrize("name", ["qwen3", "gemma2"])
def test_what_is_planted_is_proposed(name, tmp_path):
    path = tiny.make(tmp_path, MODELS[name])
    model = Model(path)
    usual = {}  # by tap, what is tried without looking at the candidate
    missing = []
    for planted in plantings(Engine(model)):
        engine = FaultyEngine(model, [planted], PROMPT_TOKENS)
        values = engine.run(TOKENS)
        (tap, effect), = engine.effects.items()
        if effect < NOTICEABLE or engine.hidden:
            continue
        if tap not in usual:
            usual[tap] = hypotheses(path, tmp_path, tap)
        found = best(usual[tap], planted, values[tap])
        if not found or not found[0] < BOUND:
            found = best(hypotheses(path, tmp_path, tap, values[tap]), planted, values[tap])
        if not found or not found[0] < BOUND:
            missing.append(f"{planted.name} {planted.parameters} at {tap}: "
                           f"{'best %.1e with %s' % found if found else 'not proposed'}")
    assert not missing, "\n".join(["", *missing])
