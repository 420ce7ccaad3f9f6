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

pytestmark = pytest.mark.skipif(not llama_watch.is_there(), reason="scripts/setup could not fetch llama.cpp's libraries")


@pytest.fixture(scope="module", params=["tiny", "tiny with biases", "mixtral", "qwen2moe", "qwen3moe", "gpt-oss",
                                        "kingjames"])
def case(request, tmp_path_factory):
    """(path, exact taps)"""
    arguments = {"tiny": "", "tiny with biases": "--biases --tied --kv-heads 1", **tiny.EXPERTS}.get(request.param)
    path = KINGJAMES if arguments is None else tiny.make(tmp_path_factory.mktemp("llama"), arguments)
    return path, Engine(Model(path)).run(TOKENS)


def test_text(case, tmp_path):
    path, exact = case
    (tmp_path / "t.log").write_text(llama_watch.eval_text(path, TOKENS))
    trace = read(path, tmp_path / "t.log", *ids(TOKENS))
    assert trace["format"] == "llama.cpp eval-callback" and trace["token_count"] == len(TOKENS)
    assert trace["taps"].keys() == exact.keys(), trace["extra"]
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
    expected = ("q", "k", "q_rope", "k_rope", "ffn_experts")
    assert not {name for name in missing if not name.split(".")[-1] in expected}, (missing, trace["extra"])
    assert {"blk.0.q_rope", "blk.0.k_rope", "blk.1.q_rope", "blk.1.k_rope"} <= trace["taps"].keys()
    slack = ROUNDING if path != KINGJAMES else 2e-2
    for name, tap in trace["taps"].items():
        wanted = exact[name][tap["rows"]]
        assert np.abs(values(tap) - wanted).max() <= slack * np.abs(wanted).max(), name
