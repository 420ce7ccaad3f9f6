"""Logits or chosen ids alone: the fault is put into the whole model. Most faults are tried fast and on few tokens only,
and the right one must come through."""

import json

import numpy as np
import pytest

from tests.diagnose import bench
from tests.foreign import dump
from tests.foreign.faults import FaultyEngine, Planted

MODEL = "llama, K types"


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return bench.Bench(tmp_path_factory.mktemp("whole"), [MODEL])


PLANTED = [
    Planted("rope_pairing"), Planted("k_min_sign"),
    # What the first tokens do not show, or show otherwise when more tokens follow.
    Planted("attention_mask_absent"), Planted("attention_output_layout", {"order": "heads, tokens, channels"}),
    Planted("decode_position", {"rule": "restart"}),
    # Less than 8-bit activations round.
    Planted("norm_epsilon", {"epsilon": 0.0}),
    # In one kind of step, in one layer, in one step.
    Planted("weight_transposed", {}, None, {"v"}), Planted("rope_missing", {}, {1}),
    Planted("residual_missing", {"kept": "first"}, {1}, {"attn_residual"}),
]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_what_is_right_comes_through(judge, planted):
    engine, values = judge.planted(MODEL, (planted,))
    assert bench.noticeable(engine)
    verdict = judge.diagnose(MODEL, {"logits": values["logits"]})
    first = bench.mistakes_in(verdict)[0]
    assert verdict["verdict"] == "fault" and first["residual_after"] < 1e-6
    assert bench.says(first, planted) in ("right", "tie"), bench.said_of(verdict)
    assert bench.taps_of(first) == engine.effects.keys() or first["ties"], bench.said_of(verdict)


def logits_of(judge, *planted, arithmetic=None):
    return judge.planted(MODEL, planted, arithmetic)[1]["logits"]


def test_the_last_row_is_enough(judge, tmp_path):
    """Then no beginning is looked at: every run goes over the whole passage."""
    row = logits_of(judge, Planted("rope_missing", {}, {1}))[-1].astype(np.float32).tolist()
    path = tmp_path / "facts.json"
    path.write_text(json.dumps({"tokens": judge.tokens, "prompt_tokens": len(judge.tokens),
                                "taps": {"logits": {"row": len(judge.tokens) - 1, "values": row}}}))
    verdict = bench.diagnose(judge.paths[MODEL], path)
    assert verdict["verdict"] == "fault"
    assert bench.says(verdict["findings"][0], Planted("rope_missing")) in ("right", "tie")


def test_rounding_stays_rounding(judge):
    verdict = judge.diagnose(MODEL, {"logits": logits_of(judge, arithmetic="q8")})
    assert verdict["verdict"] == "rounding" and not verdict["findings"]


def test_when_the_time_is_over(judge, tmp_path):
    """Nothing is claimed, and what was not tried is said."""
    path = tmp_path / "t.npz"
    dump.write_npz(path, {"logits": logits_of(judge, Planted("rope_pairing"))}, judge.tokens, bench.PROMPT_TOKENS)
    verdict = bench.diagnose(judge.paths[MODEL], path, "--budget", "0")
    assert verdict["verdict"] == "undecided" and not verdict["findings"]
    word, = (needed for needed in verdict["needed"] if "--budget" in needed)
    for scope in ("in all layers 0 of", "in one kind of step 0 of", "in one layer 0 of", "in one step 0 of"):
        assert scope in word


def test_two_at_once(judge, tmp_path):
    planted = Planted("gate_up_swapped", {}, {1}), Planted("rope_missing", {}, {1})
    path = tmp_path / "t.npz"
    dump.write_npz(path, {"logits": logits_of(judge, *planted)}, judge.tokens, bench.PROMPT_TOKENS)
    assert bench.diagnose(judge.paths[MODEL], path)["verdict"] == "undecided"
    found = bench.diagnose(judge.paths[MODEL], path, "--pairs")["findings"]
    assert {finding["fault"] for finding in found} == {one.name for one in planted}


def said_after(judge, *planted):
    """The verdict on the eight ids that the engine goes on with."""
    prompt = judge.tokens[:bench.PROMPT_TOKENS]
    ids = dump.greedy_ids(FaultyEngine(judge.models[MODEL], planted, len(prompt)), prompt, 8)
    return bench.diagnose(judge.paths[MODEL], None, "--ids", ",".join(map(str, prompt)),
                          "--generated", ",".join(map(str, ids[len(prompt):])))


def test_ids_name_what_alone_reproduces_them(judge):
    verdict = said_after(judge, Planted("activation_function", {"function": "sigmoid"}))
    assert verdict["verdict"] == "fault" and verdict["findings"][0]["fault"] == "activation_function"


def test_ids_that_much_reproduces_by_chance_name_nothing(judge):
    """Of eight ids one is another: many faults turn that."""
    verdict = said_after(judge, Planted("rope_scaling_ignored", {"rule": "magnitude_kept"}))
    assert verdict["verdict"] == "undecided"
    assert all(not finding["certain"] for finding in verdict["findings"])
