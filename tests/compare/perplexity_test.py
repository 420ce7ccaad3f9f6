"""assay perplexity beside llama-perplexity's procedure on llama.cpp's logits, and what --resume keeps."""

import json
import subprocess

import numpy as np
import pytest

from tests.compare import llama_perplexity as peer
from tests.engine import llama_cpp

SHAKESPEARE = peer.DATA / "text/tinyshakespeare.txt"
pytestmark = pytest.mark.skipif(not SHAKESPEARE.exists(), reason=f"{SHAKESPEARE} is not there")


def assay(*arguments, exit_code=0):
    result = subprocess.run([peer.BINARY, "perplexity", *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == exit_code, result.stderr
    return result


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A file with the beginning, because a tokenizer is not what is tested here."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(SHAKESPEARE.read_text()[:8000])
    return path


def run(text, model, context, chunks, *more):
    return json.loads(assay(model, "--text", text, "--ctx", context, "--chunks", chunks, "--json", *more).stdout)


@pytest.mark.parametrize("name, model, context, count", [("kingjames", llama_cpp.KINGJAMES, 128, 4),
                                                         ("smollm2", llama_cpp.smollm2(), 64, 2)])
def test_chunks_and_scores(text, name, model, context, count, tmp_path):
    ours = run(text, model, context, count)
    chunks, inputs = peer.chunk_tokens(model, text.read_text(), context, count)
    assert ours["positions"] == count * (context - 1 - context // 2)
    expected = peer.perplexity(peer.our_logits(model, inputs, tmp_path), peer.targets(chunks))
    assert [ours["perplexity"], ours["stderr"]] == pytest.approx(expected, rel=1e-9)


def test_beside_llama_cpp(text):
    ours = run(text, "kingjames", 128, 4)
    chunks, inputs = peer.chunk_tokens(llama_cpp.KINGJAMES, text.read_text(), 128, 4)
    theirs = peer.perplexity(peer.peer_logits(llama_cpp.KINGJAMES, inputs), peer.targets(chunks))
    print(f"\nkingjames: {ours['perplexity']:.6f} +- {ours['stderr']:.6f}, llama.cpp {theirs[0]:.6f} +- {theirs[1]:.6f}",
          end="")
    assert [ours["perplexity"], ours["stderr"]] == pytest.approx(theirs, rel=1e-4)


def test_a_resumed_run_is_the_whole_run(text, tmp_path):
    state = tmp_path / "state.json"
    whole = run(text, "kingjames", 64, 5)
    first = run(text, "kingjames", 64, 2, "--resume", state)
    assert first["chunk_perplexities"] == whole["chunk_perplexities"][:2]
    kept = json.loads(state.read_text())
    kept["chunks"][0][1] = 1000.0  # so that it shows whether the state was used
    state.write_text(json.dumps(kept))
    second = run(text, "kingjames", 64, 5, "--resume", state)
    assert second["resumed_chunks"] == 2
    assert second["chunk_perplexities"][1:] == whole["chunk_perplexities"][1:]
    assert second["chunk_perplexities"][0] == pytest.approx(np.exp(1000.0 / 31))
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_state_of_another_run_is_refused(text, tmp_path):
    state = tmp_path / "state.json"
    arguments = ["kingjames", "--text", text, "--chunks", 1, "--resume", state]
    assay(*arguments, "--ctx", 64)
    assert "context is 64, this run's is 32" in assay(*arguments, "--ctx", 32, exit_code=2).stderr
    assert "engine" in assay(*arguments, "--ctx", 64, "--engine", "oracle", exit_code=2).stderr
    (tmp_path / "other.txt").write_text("In the beginning " * 100)
    arguments[2] = tmp_path / "other.txt"
    assert "text_sha256" in assay(*arguments, "--ctx", 64, exit_code=2).stderr
    for broken in ("", "{}", '{"version": 1}', state.read_text()[:-8], state.read_text().replace("[31,", '["31",')):
        state.write_text(broken)
        arguments[2] = text
        assert "not a state" in assay(*arguments, "--ctx", 64, exit_code=2).stderr
    assay(*arguments[:-1], tmp_path / "sound.json", "--ctx", 64)
    kept = json.loads((tmp_path / "sound.json").read_text())
    for chunk in ([0, 0, 0], [30, 90.0, 300.0], [31, -90.0, 300.0], [31, 90.0, -300.0]):
        state.write_text(json.dumps({**kept, "chunks": [chunk]}))
        assert "not a state" in assay(*arguments, "--ctx", 64, exit_code=2).stderr


def test_every_chunk_is_reported(text):
    lines = assay("kingjames", "--text", text, "--ctx", 64, "--chunks", 3).stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"chunk {i} of 3" for i in (1, 2, 3)]
