"""The planted faults themselves: each changes something, only where it is planted, and the misreadings are readings."""

import numpy as np
import pytest

from tests.foreign import formats, misread, tiny
from tests.foreign.engine import Engine, Model
from tests.foreign.faults import FAULTS, FaultyEngine, Planted, split_tap
from tests.foreign.rounding import RoundedEngine

PROMPT = 16
TOKENS = [1, *map(int, np.random.default_rng(5).integers(3, 259, PROMPT + 3))]


@pytest.fixture(scope="module", params=tiny.FAULTY)
def model(request, tmp_path_factory):
    return Model(tiny.make(tmp_path_factory.mktemp("model"), tiny.FAULTY[request.param]))


def possible(model):
    """(fault, parameters, tap): every parameter once, at the last step where it can be."""
    engine = Engine(model)
    steps = {(name, str(parameters)): (name, parameters, step.tap) for step in engine.steps()
             for name, fault in FAULTS.items() for parameters in fault.variants(engine, step)}
    return list(steps.values())


def test_a_fault_changes_its_step_and_nothing_before(model):
    right = Engine(model).run(TOKENS)
    for name, parameters, tap in possible(model):
        layer, tap_name = split_tap(tap)
        engine = FaultyEngine(model, [Planted(name, parameters, {layer}, {tap_name})], PROMPT)
        wrong = engine.run(TOKENS)
        assert engine.effects.keys() == {tap}
        assert engine.effects[tap] > 1e-7 or name == "f16_overflow"
        before = list(right)[:list(right).index(tap)]
        assert all(np.array_equal(wrong[earlier], right[earlier]) for earlier in before if earlier in wrong)
        assert wrong.keys() == right.keys() - engine.hidden


def test_decode_faults_leave_the_prompt_alone(model):
    right = Engine(model).run(TOKENS)["logits"]
    for name in ("decode_position", "attention_stale_cache"):
        for parameters in FAULTS[name].parameters:
            wrong = FaultyEngine(model, [Planted(name, parameters)], PROMPT).run(TOKENS)["logits"]
            assert np.array_equal(wrong[:PROMPT], right[:PROMPT])
            assert not np.allclose(wrong[PROMPT + 1:], right[PROMPT + 1:], rtol=1e-3, atol=1e-3)


def test_faults_of_position_and_attention_run_on_a_prompt_alone(model):
    tokens = TOKENS[:PROMPT]
    for name, parameters, _ in possible(model):
        if FAULTS[name].operations in (("rope",), ("attention",)):
            taps = FaultyEngine(model, [Planted(name, parameters)], PROMPT).run(tokens)
            assert len(taps["logits"]) == PROMPT, name


def test_overflow(tmp_path):
    model = Model(tiny.make(tmp_path, tiny.LARGE_VALUES))
    engine = FaultyEngine(model, [Planted("f16_overflow", {"becomes": "65504"})], PROMPT)
    taps = engine.run(TOKENS)
    assert 1e-3 < engine.effects["blk.1.ffn_act"] < 1 and np.abs(taps["blk.1.ffn_act"]).max() == 65504
    assert engine.effects["blk.1.attn_norm"] == 0


@pytest.mark.parametrize("kind", misread.HALVES)
def test_what_the_misreadings_are_made_of_reads_rightly(kind):
    raw = np.random.default_rng(1).integers(0, 256, (50, formats.FORMATS[kind][0]), np.uint8)
    for at in misread.HALVES[kind]:
        raw[:, at:at + 2] = np.random.default_rng(at).normal(size=(50, 1)).astype(np.float16).view(np.uint8)
    right = misread.right(kind, raw)
    parts = sum(formats.half(raw, at) * misread.unit(kind, raw, at) for at in misread.HALVES[kind])
    assert np.allclose(parts, right, rtol=1e-12, atol=1e-12)
    if kind in ("Q2_K", "Q4_K", "Q5_K"):
        assert np.allclose(misread.minimums_times(kind, raw, 1), right, rtol=1e-12, atol=1e-12)
    if kind == "Q6_K":
        lower, upper, scale = misread.q6_k_parts(raw)
        assert np.array_equal(misread.q6_k_values(raw, lower + 16 * upper - 32, scale), right)
    if kind in misread.SIX_BIT:
        scale, minimum = formats.six_bit_pairs(raw[:, 4:16])
        assert np.array_equal(misread.scaled(raw, scale, minimum, misread.six_bit_quants(kind, raw)), right)


BOUNDS = {"f32": 3e-6, "f16": 0.03, "bf16": 0.3, "q8": 0.2, "f16 sums": 0.3}


@pytest.mark.parametrize("arithmetic, bound", BOUNDS.items())
def test_rounding_is_small(model, arithmetic, bound):
    right, rounded = Engine(model).run(TOKENS), RoundedEngine(model, arithmetic).run(TOKENS)
    errors = {tap: np.linalg.norm(rounded[tap] - right[tap]) / np.linalg.norm(right[tap]) for tap in right}
    assert 0 < max(errors.values()) < bound, max(errors.values())


def test_every_fault_can_live_somewhere(tmp_path_factory):
    homes = {name for arguments in (tiny.FAULTY | tiny.FAULTY_FAMILIES).values()
             for name, *_ in possible(Model(tiny.make(tmp_path_factory.mktemp("model"), arguments)))}
    assert FAULTS.keys() == homes
