"""`assay compare -p` against the numpy engine: next tokens, flips, and what tensors put back do to a flip."""

import json
import os
import pathlib
import shutil
import subprocess

import gguf
import numpy as np
import pytest

from tests.foreign.engine import Engine, Model

KINGJAMES = pathlib.Path(__file__).parents[2] / "models" / "kingjames-7m.f16.gguf"
PROMPT = "In the beginning God created the heaven and the earth. And the earth was without form, and void."


class PutBack(Model):
    """A candidate with some tensors of the reference."""

    def __init__(self, candidate, reference, names):
        super().__init__(candidate)
        self.reference = reference
        self.names = names

    def weight(self, name):
        return self.reference.weight(name) if name in self.names else super().weight(name)


@pytest.fixture(scope="module")
def candidate(tmp_path_factory):
    """kingjames with its matrices rounded to 9 levels a block, blk.2.ffn_down and blk.4.attn_v to 3."""
    path = tmp_path_factory.mktemp("prompt") / "candidate.gguf"
    shutil.copy(KINGJAMES, path)
    reader = gguf.GGUFReader(path, "r+")
    for tensor in reader.tensors:
        if tensor.tensor_type.name != "F16":
            continue
        levels = 1 if tensor.name in ("blk.2.ffn_down.weight", "blk.4.attn_v.weight") else 4
        blocks = np.array(tensor.data, np.float32).reshape(-1, 32)
        step = np.abs(blocks).max(axis=1, keepdims=True) / levels
        tensor.data[...] = (np.round(blocks / step) * step).reshape(tensor.data.shape).astype(np.float16)
    reader.data.flush()
    return path


@pytest.fixture(scope="module")
def compared(candidate):
    run = subprocess.run([os.environ["ASSAY_BINARY"], "compare", KINGJAMES, candidate, "-p", PROMPT, "-n", "12", "--engine",
                          "oracle", "--top", "6", "--attribute", "1", "--drift", "8", "--json"],
                         check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def tokens(compared):
    tokenize = [os.environ["ASSAY_BINARY"], "tokenize", KINGJAMES, "--json", "-p"]
    prompt = json.loads(subprocess.run([*tokenize, PROMPT], check=True, capture_output=True).stdout)["ids"]
    whole = json.loads(subprocess.run([*tokenize, PROMPT + compared["continuation"]], check=True, capture_output=True).stdout)
    return prompt, whole["ids"]


@pytest.fixture(scope="module")
def logits(candidate, tokens):
    return tuple(Engine(Model(path)).run(tokens[1])["logits"] for path in (KINGJAMES, candidate))


def log_probs(row):
    return row - row.max() - np.log(np.sum(np.exp(row - row.max())))


def test_the_reference_goes_on_greedily(tokens, logits):
    prompt, whole = tokens
    assert whole[:len(prompt)] == prompt and len(whole) == len(prompt) + 12
    assert np.array_equal(logits[0][len(prompt) - 1:-1].argmax(axis=1), whole[len(prompt):])


def test_top_tokens(compared, tokens, logits):
    last = len(tokens[0]) - 1
    reference, candidate = (rows[last] for rows in logits)
    ranks = [np.argsort(np.argsort(-row)) + 1 for row in (reference, candidate)]
    top = compared["candidates"][0]["top"]
    expected = list(np.argsort(-reference)[:6])
    if candidate.argmax() not in expected:
        expected.append(candidate.argmax())
    assert [entry["token"] for entry in top] == expected
    for entry in top:
        token = entry["token"]
        for side, row, rank in (("reference", reference, ranks[0]), ("candidate", candidate, ranks[1])):
            assert abs(entry[f"{side}_logit"] - row[token]) < 1e-9
            assert abs(entry[f"{side}_log_prob"] - log_probs(row)[token]) < 1e-9
            assert entry[f"{side}_rank"] == rank[token]


def test_flips_and_near_ties(compared, tokens, logits):
    reference, candidate = logits
    difference = candidate - reference
    typical = np.median(difference.std(axis=1))
    result = compared["candidates"][0]
    assert abs(result["prompt_typical_logit_error"] - typical) < 1e-9
    assert result["prompt_positions"] == len(tokens[1])
    flipped = np.flatnonzero(reference.argmax(axis=1) != candidate.argmax(axis=1))
    assert len(flipped) > 2
    assert [flip["position"] for flip in result["flips"]] == [row + 1 for row in flipped]
    for flip, row in zip(result["flips"], flipped):
        r, c = reference[row].argmax(), candidate[row].argmax()
        ordered = np.sort(reference[row])
        assert (flip["reference_token"], flip["candidate_token"]) == (r, c)
        assert abs(flip["reference_margin"] - (reference[row, r] - reference[row, c])) < 1e-9
        assert abs(flip["candidate_margin"] - (candidate[row, c] - candidate[row, r])) < 1e-9
        assert flip["near_tie"] == (ordered[-1] - ordered[-2] < typical)


def test_attribution_is_what_happens(compared, candidate, tokens):
    """The worst flip: the margins that numpy finds with the same tensors put back."""
    flips = compared["candidates"][0]["flips"]
    worst = max(flips, key=lambda flip: (not flip["near_tie"], flip["reference_margin"]))
    assert [flip for flip in flips if flip["attribution"]] == [worst]
    prefix, token = tokens[1][:worst["position"]], worst["reference_token"]
    reference = Model(KINGJAMES)
    attribution = worst["attribution"]
    assert {entry["group"] for entry in attribution} >= {"tensor", "kind", "layer"}
    # Best and worst of each sort.
    for group in ("tensor", "together", "kind", "layer"):
        entries = [entry for entry in attribution if entry["group"] == group]
        if group != "together":
            assert [entry["margin"] for entry in entries] == sorted((e["margin"] for e in entries), reverse=True)
        for entry in entries[:1] + entries[1:][-1:]:
            row = Engine(PutBack(candidate, reference, entry["tensors"])).run(prefix)["logits"][-1]
            margin = row[token] - np.delete(row, token).max()
            assert abs(entry["margin"] - margin) < 1e-9, entry
            assert entry["flips_back"] == (margin > 0)


def test_drift_falls_back_to_the_prompt(compared):
    result = compared["candidates"][0]
    assert result["taps"][-1]["tap"] == "logits" and result["taps"][-1]["relative_error"] > 0.01
    assert result["growth"]["verdict"]
