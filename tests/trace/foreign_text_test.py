"""Dumps of other engines as text: what llama.cpp's eval-callback prints in its forms (tests/foreign/eval_text.py writes it as its
sources say), and JSON of facts. Every fact that is read must hold of the values that were printed."""

import json

import numpy as np
import pytest

from tests.foreign import eval_text, tiny
from tests.foreign.engine import Engine, Model
from tests.trace.foreign_arrays_test import ids, read, refused, values

TOKENS = [1, 200, 7, 42, 258, 7, 19, 300]
DECODED = [5, 77]
FORMS = ("2024", "2025", "2026")


@pytest.fixture(scope="module", params=["", "--biases --tied --kv-heads 1"])
def case(request, tmp_path_factory):
    """(path, model, taps of the prompt and two decoded tokens)"""
    path = tiny.make(tmp_path_factory.mktemp("text"), request.param)
    model = Model(path)
    return path, model, Engine(model).run(TOKENS + DECODED)


def log(text):
    """As it comes with the rest of a log around it."""
    return "llama_model_loader: loaded meta data with 29 key-value pairs = (version 3)\nsystem_info: n_threads = 2\n\n" + text + "\nllama_perf: done\n"


def wrong_facts(tap, exact):
    """Facts that do not hold of [tokens, channels]; resolutions, and float32 in between, are the only slack."""
    wrong = []
    for kind, row, channel, value, resolution in tap["facts"]:
        rows = exact if row == "all" else exact[row:row + 1]
        truth = {"value": lambda: rows[0, channel], "sum": rows.sum, "mean": rows.mean, "min": rows.min, "max": rows.max,
                 "rms": lambda: np.sqrt((rows * rows).mean())}[kind]()
        if not abs(value - truth) <= resolution * 1.001 + 1e-7 * abs(truth):
            wrong.append((kind, row, channel, value, truth))
    return wrong


@pytest.mark.parametrize("form", FORMS)
def test_eval_callback(case, form, tmp_path):
    path, model, taps = case
    taps = {name: tap[:len(TOKENS)] for name, tap in taps.items()}
    (tmp_path / "t.log").write_text(log(eval_text.write(model, taps, TOKENS, form)))
    trace = read(path, tmp_path / "t.log", *(() if form == "2026" else ids(TOKENS)))
    assert trace["tokens"] == TOKENS and trace["token_count"] == len(TOKENS)
    assert trace["taps"].keys() == taps.keys(), trace["extra"]
    last_only = {"final_norm", "logits"} | {f"blk.1.{tap}" for tap in ("attn_residual", "ffn_norm", "ffn_gate", "ffn_up", "ffn_act", "ffn_out", "out")}
    for name, tap in trace["taps"].items():
        assert not wrong_facts(tap, taps[name]), name
        rows = {fact[1] for fact in tap["facts"] if fact[0] == "value"}
        heads_are_rows = name.split(".")[-1] in ("q_rope", "k_rope") or (name.endswith(".v") and form != "2024")
        assert rows == ({7} if name in last_only else {0, 1, 2, 5, 6, 7}), name
        channels = {fact[2] for fact in tap["facts"] if fact[0] == "value"}
        if not heads_are_rows:
            assert channels == {0, 1, 2, *(tap["channels"] - i for i in (1, 2, 3))}, name
        assert [fact[1] for fact in tap["facts"] if fact[0] == "sum"] == ([] if form == "2024" else [7] if name in last_only else ["all"]), name
        assert all(fact[4] == pytest.approx(0.5e-4) for fact in tap["facts"] if fact[0] == "value")
    assert ("printed values" in trace["format"]) == (form == "2024") == any("not used" in note for note in trace["notes"])
    listed = {line.split(":")[0] for line in trace["extra"]}
    assert {"kq-N", "kqv-N", "norm-N"} <= listed and len(listed) == len(trace["extra"]) < 9


def test_a_wrong_value_or_sum_is_seen(case, tmp_path):
    """The comparison above can fail."""
    path, model, taps = case
    taps = {name: tap[:len(TOKENS)].copy() for name, tap in taps.items()}
    (tmp_path / "t.log").write_text(eval_text.write(model, taps, TOKENS, "2025"))
    trace = read(path, tmp_path / "t.log", *ids(TOKENS))
    taps["blk.0.q"][6, 1] += 2e-4
    taps["blk.0.ffn_act"][3, 50] += 0.01  # not printed: only in the sum
    assert [fact[0] for fact in wrong_facts(trace["taps"]["blk.0.q"], taps["blk.0.q"])] == ["value", "sum"]
    assert [fact[0] for fact in wrong_facts(trace["taps"]["blk.0.ffn_act"], taps["blk.0.ffn_act"])] == ["sum"]


def test_eval_callback_of_decode_steps(case, tmp_path):
    path, model, taps = case
    text = eval_text.write(model, taps, TOKENS, "2025")
    for step, token in enumerate(DECODED):
        text += eval_text.write(model, taps, [token], "2025", len(TOKENS) + step)
    (tmp_path / "t.log").write_text(text)
    for arguments in ((), (*ids(TOKENS + DECODED), "--prompt-tokens", len(TOKENS))):
        trace = read(path, tmp_path / "t.log", *arguments)
        assert trace["token_count"] == 10 and trace["prompt_tokens"] == 8
        assert {fact[1] for fact in trace["taps"]["logits"]["facts"]} == {7, 8, 9}
        assert {fact[1] for fact in trace["taps"]["blk.0.k"]["facts"]} == {0, 1, 2, 5, 6, 7, 8, 9}
        for name, tap in trace["taps"].items():
            assert not wrong_facts(tap, taps[name]), name
    # Facts about tokens whose ids nobody says are of no use.
    trace = read(path, tmp_path / "t.log", *ids(TOKENS))
    assert {fact[1] for fact in trace["taps"]["logits"]["facts"]} == {7} and "left out" in trace["notes"][-1]


def test_eval_callback_of_values_that_are_not_finite(case, tmp_path):
    path, model, taps = case
    taps = {name: tap[:len(TOKENS)].copy() for name, tap in taps.items()}
    taps["blk.0.v"][1, 0], taps["blk.0.v"][0, 1], taps["blk.0.v"][6, 2] = np.nan, np.inf, -np.inf
    (tmp_path / "t.log").write_text(eval_text.write(model, taps, TOKENS, "2024"))
    trace = read(path, tmp_path / "t.log", *ids(TOKENS))
    facts = {(row, channel): value for kind, row, channel, value, _ in trace["taps"]["blk.0.v"]["facts"]}
    assert (facts[1, 0], facts[0, 1], facts[6, 2]) == ("nan", "inf", "-inf")


def test_eval_callback_that_is_damaged(case, tmp_path):
    """Whatever is cut out or put in: no crash, and what is read stays true."""
    path, model, taps = case
    taps = {name: tap[:len(TOKENS)] for name, tap in taps.items()}
    whole = eval_text.write(model, taps, TOKENS, "2025").splitlines()
    random = np.random.default_rng(7)
    for turn in range(12):
        lines = list(whole)
        for _ in range(turn * 5):
            at = int(random.integers(len(lines)))
            [lines.pop, lambda i: lines.insert(i, "]"), lambda i: lines.insert(i, "["), lambda i: lines.insert(i, "another program says = 1"),
             lambda i: lines.insert(i, "  [ 1.0000, ..., x ],")][turn % 5](at)
        (tmp_path / "t.log").write_text("\n".join(lines))
        trace = read(path, tmp_path / "t.log", *ids(TOKENS))
        wrong = [name for name, tap in trace["taps"].items()
                 if [fact for fact in wrong_facts(tap, taps[name]) if fact[0] == "value"]]
        assert not wrong, (turn, wrong)
        assert len(trace["taps"]) > 5


def test_facts(case, tmp_path):
    path, model, taps = case
    taps = {name: tap[:len(TOKENS)] for name, tap in taps.items()}
    q, out, logits = taps["blk.0.q"], taps["blk.1.out"], taps["logits"][-1]
    best = np.argsort(-logits)[:3]
    document = {
        "tokens": TOKENS, "generated": [4, 5],
        "taps": {
            "Vcur-0": {"row": 3, "first": [round(float(x), 4) for x in taps["blk.0.v"][3, :4]], "last": [round(float(x), 4) for x in taps["blk.0.v"][3, -2:]]},
            "blk.0.q": {"mean": float(f"{q.mean():.4g}"), "rms": float(f"{np.sqrt((q * q).mean()):.4g}"), "min": float(f"{q.min():.4g}"), "max": float(f"{q.max():.4g}")},
            "model.layers.1": [{"row": row, "mean": float(np.float32(out[row].mean())), "at": [[17, float(np.float32(out[row, 17]))]]} for row in (2, -1)],
            "blk.0.k": {"values": taps["blk.0.k"].tolist()},
            "blk.1.k": {"row": 5, "values": taps["blk.1.k"][5].tolist()},
            "blk.1.q": {"row": 0, "first": [0.5, 2], "decimals": 1},
            "blk.0.attn": {"row": 2, "first": [None]},
            "Qcur-1": {"row": 1, "first": [1]},
        },
        "logits": logits.tolist(),
        "top": [[int(i), round(float(logits[i]), 2)] for i in best],
    }
    (tmp_path / "t.json").write_text(json.dumps(document))
    trace = read(path, tmp_path / "t.json")
    assert trace["format"] == "JSON of facts" and trace["tokens"] == TOKENS and trace["generated"] == [4, 5]
    facts = {name: tap["facts"] for name, tap in trace["taps"].items()}
    assert [fact[:3] for fact in facts["blk.0.v"]] == [["value", 3, c] for c in (0, 1, 2, 3, taps["blk.0.v"].shape[1] - 2, taps["blk.0.v"].shape[1] - 1)]
    assert [fact[4] for fact in facts["blk.0.v"]] == pytest.approx([0.5e-4] * 6)
    assert {tuple(fact[:2]) for fact in facts["blk.0.q"]} == {(kind, "all") for kind in ("mean", "rms", "min", "max")}
    assert {tuple(fact[:3]) for fact in facts["blk.1.out"]} == {(kind, row, c) for row in (2, 7) for kind, c in (("mean", 0), ("value", 17))}
    for name in ("blk.0.v", "blk.0.q", "blk.1.out"):
        assert not wrong_facts(trace["taps"][name], taps[name]), name
        assert all(fact[4] < 1e-2 for fact in facts[name])
    assert np.array_equal(values(trace["taps"]["blk.0.k"]), taps["blk.0.k"]) and trace["taps"]["blk.0.k"]["rows"] == list(range(8))
    assert np.array_equal(values(trace["taps"]["blk.1.k"])[0], taps["blk.1.k"][5]) and trace["taps"]["blk.1.k"]["rows"] == [5]
    assert facts["blk.1.q"] == [["value", 0, 0, 0.5, 0.05], ["value", 0, 1, 2.0, 0.05]]
    assert facts["blk.0.attn"][0][3] == "nan"
    assert trace["taps"]["logits"]["rows"] == [7] and np.array_equal(values(trace["taps"]["logits"])[0], logits)
    assert [fact[:3] for fact in facts["logits"]] == [["top", 7, int(i)] for i in best]
    assert len(trace["extra"]) == 1 and trace["extra"][0].startswith("Qcur-1: ")


def test_facts_of_logits_only(case, tmp_path):
    path, _, taps = case
    document = {"tokens": TOKENS + DECODED, "prompt_tokens": len(TOKENS), "logits": taps["logits"][:len(TOKENS)].tolist()}
    (tmp_path / "t.json").write_text(json.dumps(document))
    trace = read(path, tmp_path / "t.json")
    assert trace["taps"]["logits"]["rows"] == list(range(8))
    document["logits"] = {"row": 9, "first": [1.25]}
    (tmp_path / "t.json").write_text(json.dumps(document))
    assert read(path, tmp_path / "t.json")["taps"]["logits"]["facts"] == [["value", 9, 0, 1.25, 0.005]]
    (tmp_path / "t.json").write_text(json.dumps(TOKENS))
    assert read(path, tmp_path / "t.json")["tokens"] == TOKENS


def test_facts_about_ids_from_elsewhere(case, tmp_path):
    """Rows count in them as they would in the document's own."""
    path, _, taps = case
    document = {"logits": taps["logits"][7].tolist(), "taps": {"blk.0.q": {"row": -1, "rms": 1.5}}}
    (tmp_path / "t.json").write_text(json.dumps(document))
    trace = read(path, tmp_path / "t.json", *ids(TOKENS + DECODED), "--prompt-tokens", len(TOKENS))
    assert trace["taps"]["logits"]["rows"] == [7] and trace["taps"]["blk.0.q"]["facts"][0][:2] == ["rms", 9]
    assert trace["tokens"] == TOKENS + DECODED and trace["prompt_tokens"] == len(TOKENS)
    (tmp_path / "t.json").write_text(json.dumps({"logits": {"row": 2, "values": taps["logits"][2:5].tolist()}}))
    assert "row 4 of 4 tokens" in refused(path, tmp_path / "t.json", *ids(TOKENS[:4]))
    # The document's own win.
    (tmp_path / "t.json").write_text(json.dumps({"tokens": TOKENS, "logits": taps["logits"][7].tolist()}))
    trace = read(path, tmp_path / "t.json", *ids([1, 2]), "--prompt-tokens", 1)
    assert trace["taps"]["logits"]["rows"] == [7] and trace["prompt_tokens"] == len(TOKENS)


def test_taps_of_which_nothing_is_said(case, tmp_path):
    """Nothing would be right or wrong in them."""
    (tmp_path / "t.json").write_text(json.dumps({"tokens": TOKENS, "logits": {"row": 1}, "taps": {
        "blk.0.q": {}, "blk.1.q": {"row": 0, "first": []}, "embed": {"row": 0, "rms": 1.5}}}))
    trace = read(case[0], tmp_path / "t.json")
    assert list(trace["taps"]) == ["embed"]
    assert sorted(trace["extra"]) == [f"{tap}: no value of it is given" for tap in ("blk.0.q", "blk.1.q", "logits")]


BAD_FACTS = [
    ('{"tokens": [1, 2}', "no JSON, at byte offset 16"),
    ('{"token": [1]}', "unknown member 'token'"),
    ('{"tokens": [1, -2]}', "element 1 is no token id"),
    ('{"tokens": [1, 2.5]}', "element 1 is no token id"),
    ('{"taps": []}', "taps: no object"),
    ('{"taps": {"blk.0.q": {"frist": [1]}}}', "blk.0.q: unknown member 'frist'"),
    ('{"taps": {"blk.0.q": {"first": [1]}}}', "blk.0.q: values need a \"row\""),
    ('{"tokens": [1, 2], "taps": {"blk.0.q": {"row": 2, "first": [1]}}}', "row 2 of 2 tokens"),
    ('{"taps": {"blk.0.q": {"row": 0, "at": [[640, 1]]}}}', "channel 640 of 64"),
    ('{"taps": {"blk.0.q": {"row": 0, "at": [1]}}}', "no pair"),
    ('{"taps": {"blk.0.q": {"row": 0, "values": [1, 2]}}}', "2 values in a row, the tap has 64"),
    ('{"taps": {"blk.0.q": {"row": 0, "first": ["a"]}}}', "no number"),
    ('{"logits": [1, 2]}', "2 values in a row"),
    ('{"taps": ' + "[" * 2000 + "]" * 2000 + "}", "nested too deeply"),
    ('{"logits": [NaN]}', "no JSON"),
    ('{"logits": [1e999]}', "too large"),
]


@pytest.mark.parametrize("text, message", BAD_FACTS)
def test_facts_that_are_refused(case, text, message, tmp_path):
    (tmp_path / "bad.json").write_text(text)
    line = refused(case[0], tmp_path / "bad.json")
    assert message in line and "bad.json" in line
