"""A published case: an engine that read GGUF's [inputs, outputs] as row-major, so that the table of tokens and every
matrix were scrambled though all shapes passed; that had gate and up swapped and no causal mask; and whose rotation base
and epsilon were constants of its own (JunSuzukiJapan/rustorch, October 2025). Ten root causes were announced, one after
the other. All five mistakes are named in one run, at every step where they are."""

import pytest

from tests.diagnose import bench
from tests.foreign import tiny
from tests.foreign.engine import Model
from tests.foreign.faults import FaultyEngine, Planted

ARGUMENTS = ("--type Q4_K,Q6_K --embedding-type Q6_K --width 256 --heads 8 --kv-heads 2 --feed-forward 512 "
             "--rope-base 500000")
MISTAKES = (Planted("weight_transposed"), Planted("gate_up_swapped"), Planted("attention_mask_absent"),
            Planted("rope_base", {"base": 10000.0}), Planted("norm_epsilon", {"epsilon": 1e-6}))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    path = tiny.make(folder, ARGUMENTS)
    engine = FaultyEngine(Model(path), MISTAKES, bench.PROMPT_TOKENS)
    trace = folder / "theirs.npz"
    tokens = bench.tokens_for()
    bench.dump.write_npz(trace, engine.run(tokens), tokens, bench.PROMPT_TOKENS)
    return engine, bench.diagnose(path, trace)


def test_all_mistakes_are_named_at_once(published):
    engine, verdict = published
    assert verdict["verdict"] == "fault"
    assert {finding["fault"] for finding in verdict["findings"]} == {planted.name for planted in MISTAKES}
    named = {(finding["fault"], tap) for finding in verdict["findings"] for tap in finding["taps"]}
    planted = {(mistake.name, step.tap) for mistake in MISTAKES for step in engine.steps()
               if mistake.hits(engine, step)}
    assert named == planted


def test_the_constants_are_read_off(published):
    parameters = {finding["fault"]: finding["parameters"] for finding in published[1]["findings"]}
    assert float(parameters["rope_base"]["base"]) == 10000
    assert float(parameters["norm_epsilon"]["epsilon"]) == 1e-6
    prescribed = {finding["fault"]: finding["prescribed"] for finding in published[1]["findings"]}
    assert float(prescribed["rope_base"]["base"]) == 500000
    assert float(prescribed["norm_epsilon"]["epsilon"]) == 1e-5
    assert prescribed["gate_up_swapped"] == prescribed["attention_mask_absent"] == {}


def test_what_was_right_is_acquitted(published):
    engine, verdict = published
    right = {step.tap for step in engine.steps()} - engine.effects.keys()
    assert right == set(verdict["acquitted"])
