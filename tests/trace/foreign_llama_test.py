"""What llama.cpp itself gives, as text of its eval-callback and as tensors: every tap is found, and holds what the numpy engine
says."""

import pathlib

import numpy as np
import pytest

from tests.foreign import llama_watch, tiny
from tests.foreign.engine import Engine, Model
from tests.trace.foreign_arrays_test import ids, read, values
from tests.trace.foreign_text_test import wrong_facts

TOKENS = [1, 200, 7, 42, 258, 7, 19, 300]
KINGJAMES = pathlib.Path(__file__).parents[2] / "models" / "kingjames-7m.f16.gguf"
ROUNDING = 2e-5  # of float32, at the size of the largest value in a row

# Of latent attention llama.cpp has some values only head by head, or not on their own; by name it keeps later ones, and parts
# of others are not watched.
HIDDEN = {"attn_latent", "q_nope", "q_pe", "q_pe_rope"}
OVERWRITTEN = {"q_latent", "q_latent_norm", "q_absorbed", "kv_latent", "k_pe", "k_nope", "v", "q_nope", "q_pe"}

pytestmark = pytest.mark.skipif(not llama_watch.is_there(), reason="scripts/setup could not fetch llama.cpp's libraries")


@pytest.fixture(scope="module", params=["tiny", "tiny with biases", "mixtral", "qwen2moe", "qwen3moe", "gpt-oss",
                                        "deepseek2", "deepseek2, one tensor", "kingjames"])
def case(request, tmp_path_factory):
    """(path, exact taps)"""
    arguments = {"tiny": "", "tiny with biases": "--biases --tied --kv-heads 1", **tiny.EXPERTS}.get(request.param)
    path = KINGJAMES if arguments is None else tiny.make(tmp_path_factory.mktemp("llama"), arguments)
    return path, Engine(Model(path)).run(TOKENS)


def name_parts(taps):
    return {tap.rpartition(".")[2] for tap in taps}


def hidden(exact):
    """The names of what llama.cpp need not show of such a model."""
    if "blk.0.kv_latent" not in exact:
        return set()
    return {"attn_latent"} if "blk.0.attn_latent" in exact else HIDDEN


def test_text(case, tmp_path):
    path, exact = case
    (tmp_path / "t.log").write_text(llama_watch.eval_text(path, TOKENS))
    trace = read(path, tmp_path / "t.log", *ids(TOKENS))
    assert trace["format"] == "llama.cpp eval-callback" and trace["token_count"] == len(TOKENS)
    missing = exact.keys() - trace["taps"].keys()
    assert trace["taps"].keys() <= exact.keys() and name_parts(missing) <= hidden(exact), (missing, trace["extra"])
    # Products with float16 weights have float16 inputs in llama.cpp.
    slack = ROUNDING if path != KINGJAMES else 2e-2
    for name, tap in trace["taps"].items():
        size = np.abs(exact[name]).max()
        wrong = [(*fact, truth) for *fact, truth in wrong_facts(tap, exact[name])
                 if abs(fact[3] - truth) > size * slack * (1 if fact[0] == "value" else np.sqrt(exact[name].size))]
        assert not wrong, (name, wrong[:3])
        assert len(tap["facts"]) > min(6, exact[name].shape[1]), name


def test_tensors(case, tmp_path):
    path, exact = case
    # A dump by name keeps what a name held last: of Qcur the rotated one, of Vcur what the bias was added to.
    tensors = {name.rpartition(" ")[0]: tensor for name, tensor in llama_watch.tensors(path, TOKENS, tmp_path).items()}
    np.savez(tmp_path / "t.npz", **{name: tensor for name, tensor in tensors.items() if not name.endswith(")")})
    trace = read(path, tmp_path / "t.npz", *ids(TOKENS), "--reference")
    missing = exact.keys() - trace["taps"].keys()
    # Indices are no floats, which alone are watched.
    expected = {"q", "k", "q_rope", "k_rope", "ffn_experts"} | hidden(exact) | (OVERWRITTEN if hidden(exact) else set())
    assert name_parts(missing) <= expected, (missing, trace["extra"])
    roped = {"q_cat", "k_cat", "k_pe_rope"} if hidden(exact) else {"q_rope", "k_rope"}
    assert {f"blk.{block}.{name}" for block in (0, 1) for name in roped} <= trace["taps"].keys()
    slack = ROUNDING if path != KINGJAMES else 2e-2
    for name, tap in trace["taps"].items():
        wanted = exact[name][tap["rows"]]
        assert np.abs(values(tap) - wanted).max() <= slack * np.abs(wanted).max(), name
