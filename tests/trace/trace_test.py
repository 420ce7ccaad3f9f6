"""`assay trace`: its files, read by the PyPI package safetensors, hold what the numpy engine computes; statistics are numpy's."""

import hashlib
import json
import os
import pathlib
import shlex
import subprocess

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from tests.foreign import tiny
from tests.foreign.engine import Engine, Model

ASSAY = os.environ["ASSAY_BINARY"]
KINGJAMES = pathlib.Path(__file__).parents[2] / "models" / "kingjames-7m.f16.gguf"
PROMPT = [1, 200, 7, 42, 258, 7]
STEPS = 3


def trace(*arguments, exit=0):
    result = subprocess.run([ASSAY, "trace", *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == exit, result.stderr
    return result


def trace_json(*arguments):
    return json.loads(trace(*arguments, "--json").stdout)


def ids(tokens):
    return " ".join(map(str, tokens))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("trace"), "--biases --kv-heads 2")


@pytest.fixture(scope="module")
def exact(model, tmp_path_factory):
    """(trace file of the oracle in float64, what the numpy engine says of the same tokens)"""
    path = tmp_path_factory.mktemp("exact") / "t.safetensors"
    trace(model, "--engine", "oracle", "--dtype", "f64", "--ids", ids(PROMPT), "-n", STEPS, "-o", path)
    return path, Engine(Model(model)).run([int(token) for token in load_file(path)["tokens"]])


def relative_error(candidate, reference):
    return np.linalg.norm(candidate - reference) / np.linalg.norm(reference)


def test_taps_are_the_numpy_engines(exact):
    path, expected = exact
    taps = load_file(path)
    tokens, positions = taps.pop("tokens"), taps.pop("positions")
    assert tokens[:len(PROMPT)].tolist() == PROMPT and len(tokens) == len(PROMPT) + STEPS
    assert positions.tolist() == list(range(len(tokens)))
    # Greedy: each decoded token is the best guess of the row before.
    assert tokens[len(PROMPT):].tolist() == expected["logits"][len(PROMPT) - 1:-1].argmax(axis=1).tolist()
    assert taps.keys() == expected.keys()
    for tap, values in taps.items():
        assert values.dtype == np.float64 and values.shape == expected[tap].shape, tap
        assert max(relative_error(*rows) for rows in zip(values, expected[tap])) < 1e-10, tap


def test_metadata(exact, model):
    with safe_open(exact[0], "numpy") as opened:
        metadata = opened.metadata()
    assert metadata["assay.trace"] == "1" and metadata["assay.content"] == "values"
    assert metadata["model"] == str(model)
    assert metadata["model.sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert metadata["engine"].startswith("oracle") and metadata["arithmetic"] == "f64"
    assert metadata["prompt_tokens"] == str(len(PROMPT))


def test_the_command_can_be_run_again(model, tmp_path):
    """Quotes, spaces and long prompts included: the same bytes come out."""
    first, again = tmp_path / "first.safetensors", tmp_path / "again.safetensors"
    trace(model, "--ids", ids(PROMPT), "--engine", "oracle", "--dtype", "f64", "--taps", "embed, blk.0.q", "-n", 2, "-o", first)
    with safe_open(first, "numpy") as opened:
        command = shlex.split(opened.metadata()["command"])
    assert command[:2] == ["assay", "trace"]
    trace(*command[2:], "-o", again)
    assert first.read_bytes() == again.read_bytes()
    text = "'It' \"is\" $HOME\n" + "long " * 60
    trace(KINGJAMES, "-p", text, "--taps", "blk.0.q", "-o", first)
    with safe_open(first, "numpy") as opened:
        command = shlex.split(opened.metadata()["command"])
    trace(*command[2:], "-o", again)
    assert first.read_bytes() == again.read_bytes()
    assert "both a text and --ids" in trace(KINGJAMES, "-p", "a", "--ids", "1", "--stats", exit=2).stderr


def test_the_model_is_not_overwritten(model, tmp_path):
    copy = tmp_path / "model.gguf"
    copy.write_bytes(model.read_bytes())
    assert "both input and output" in trace(copy, "--ids", "1 2", "-o", copy, exit=2).stderr
    assert copy.read_bytes() == model.read_bytes()


def test_float32_is_the_float64_rounded(exact, model, tmp_path):
    path = tmp_path / "t.safetensors"
    trace(model, "--engine", "oracle", "--ids", ids(PROMPT), "-n", STEPS, "-o", path)
    wide = load_file(exact[0])
    for tap, values in load_file(path).items():
        assert np.array_equal(values, wide[tap].astype(values.dtype)), tap


def test_fast_engine_is_near(exact, model, tmp_path):
    path = tmp_path / "t.safetensors"
    trace(model, "--ids", ids(PROMPT), "-n", STEPS, "-o", path)
    taps = load_file(path)
    assert taps["tokens"].tolist() == load_file(exact[0])["tokens"].tolist()
    for tap, expected in exact[1].items():
        assert taps[tap].dtype == np.float32 and relative_error(taps[tap], expected) < 1e-4, tap


def row_statistics(rows):
    rows = rows.astype(np.float64)
    finite = np.where(np.isfinite(rows), rows, np.nan)
    count = np.full(len(rows), rows.shape[1])
    with np.errstate(all="ignore"):
        columns = [count, np.sum(~np.isfinite(rows), axis=1), np.nanmean(finite, axis=1),
                   np.sqrt(np.nanmean(finite**2, axis=1)), np.nanmin(finite, axis=1), np.nanmax(finite, axis=1)]
    return np.stack(columns, axis=1)


def assert_statistics_equal(actual, rows):
    expected = row_statistics(rows)
    assert np.array_equal(actual[:, [0, 1, 4, 5]], expected[:, [0, 1, 4, 5]], equal_nan=True)
    # Sums of n float64 in whatever order: n roundings of the sum of magnitudes, which rms bounds.
    bound = rows.shape[1] * 2.0**-53 * np.nan_to_num(expected[:, [3]])
    assert np.all((np.abs(actual[:, 2:4] - expected[:, 2:4]) <= bound) | np.isnan(expected[:, 2:4]))
    assert np.array_equal(np.isnan(actual), np.isnan(expected))


@pytest.mark.parametrize("engine", ["oracle", "fast"])
def test_statistics_are_numpys(engine, model, tmp_path):
    whole, summary = tmp_path / "whole.safetensors", tmp_path / "statistics.safetensors"
    arguments = [model, "--engine", engine, "--ids", ids(PROMPT), "-n", STEPS]
    trace(*arguments, "--dtype", "f64", "-o", whole)
    shown = trace_json(*arguments, "--stats", "-o", summary)
    values, statistics = load_file(whole), load_file(summary)
    assert np.array_equal(values.pop("tokens"), statistics["tokens"])
    del values["positions"]
    assert [tap["tap"] for tap in shown["taps"]][:2] == ["embed", "blk.0.attn_norm"]
    assert {tap["tap"] for tap in shown["taps"]} == values.keys()
    for tap, rows in values.items():
        assert_statistics_equal(statistics[f"{tap}.statistics"], rows)
        assert np.array_equal(statistics[f"{tap}.samples"], np.hstack([rows[:, :3], rows[:, -3:]])), tap
    for tap in shown["taps"]:
        rows = values[tap["tap"]]
        assert [tap["rows"], tap["channels"], tap["count"]] == [*rows.shape, rows.size]
        assert np.allclose([tap["mean"], tap["rms"]], [rows.mean(), np.sqrt((rows**2).mean())], rtol=1e-11, atol=1e-14)
        assert [tap["min"], tap["max"]] == [rows.min(), rows.max()]
    # Both files show the same.
    for path in (whole, summary):
        for again, tap in zip(trace_json("--read", path)["taps"], shown["taps"]):
            assert again["tap"] == tap["tap"] and again["samples"] == tap["samples"]
            for key in ("rows", "channels", "count", "non_finite", "min", "max"):
                assert again[key] == tap[key], key
            assert np.allclose([again["mean"], again["rms"]], [tap["mean"], tap["rms"]], rtol=1e-11, atol=1e-14)


def test_a_long_prompt_in_pieces(tmp_path):
    """More tokens than are evaluated at once, and more bytes than are held back."""
    tokens = [1, *np.random.default_rng(4).integers(3, 4096, 199).tolist()]
    path = tmp_path / "t.safetensors"
    trace(KINGJAMES, "--ids", ids(tokens), "--taps", "embed,blk.5.out,blk.0.k,logits", "-o", path)
    taps, expected = load_file(path), Engine(Model(KINGJAMES)).run(tokens)
    assert taps.keys() == {"embed", "blk.5.out", "blk.0.k", "logits", "tokens", "positions"}
    for tap in ("embed", "blk.5.out", "blk.0.k", "logits"):
        assert taps[tap].shape == expected[tap].shape
        assert max(relative_error(*rows) for rows in zip(taps[tap], expected[tap])) < 1e-4, tap


def test_values_that_are_no_numbers(model, tmp_path):
    """A weight that overflows makes infinities and NaN; they are counted, and the trace goes on."""
    broken = tmp_path / "broken.gguf"
    import gguf
    tensor = next(t for t in gguf.GGUFReader(model).tensors if t.name == "blk.0.attn_v.weight")
    data = bytearray(model.read_bytes())
    data[int(tensor.data_offset):int(tensor.data_offset) + 4] = np.float32(np.inf).tobytes()
    broken.write_bytes(data)
    shown = {tap["tap"]: tap for tap in trace_json(broken, "--engine", "oracle", "--ids", ids(PROMPT), "--stats")["taps"]}
    assert shown["blk.0.v"]["non_finite"] == len(PROMPT) and np.isfinite(shown["blk.0.v"]["rms"])
    assert shown["blk.0.q"]["non_finite"] == 0
    logits = shown["logits"]
    assert logits["non_finite"] == logits["count"] and logits["rms"] is None and logits["min"] is None
    # Nor do steps end it, whose logits name no token.
    path = tmp_path / "t.safetensors"
    trace(broken, "--engine", "oracle", "--ids", ids(PROMPT), "-n", 2, "-o", path)
    assert load_file(path)["tokens"].tolist() == PROMPT + [0, 0]


def test_pattern_without_a_tap_names_near_ones(model, tmp_path):
    result = trace(model, "-p", "a", "--taps", "blk.0.qrope", "-o", tmp_path / "t", exit=2)
    assert "no tap matches 'blk.0.qrope'" in result.stderr and "blk.0.q_rope" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_patterns_choose(model):
    def taps(pattern):
        return [tap["tap"] for tap in trace_json(model, "--ids", "1 2", "--stats", "--taps", pattern)["taps"]]

    assert taps("blk.?.q, blk.*.k,!blk.0.*") == ["blk.1.q", "blk.1.k"]
    assert taps("!blk.*") == ["embed", "final_norm", "logits"]
    assert taps("!logits,!blk.*") == ["embed", "final_norm"]


def test_no_file_is_left_of_a_run_that_fails(model, tmp_path):
    trace(model, "--ids", "1 2 99999", "-o", tmp_path / "t", exit=2)
    trace(model, "--ids", "1 2", "--ctx", 16, "-n", 15, "-o", tmp_path / "t", exit=2)
    assert list(tmp_path.iterdir()) == []


def contradict(tensors, metadata):
    yield "no trace", tensors, {}, "no trace"
    yield "later version", tensors, {**metadata, "assay.trace": "2"}, "version '2'"
    yield "content", tensors, {**metadata, "assay.content": "pictures"}, "assay.content is 'pictures'"
    yield "no tokens", {k: v for k, v in tensors.items() if k != "tokens"}, metadata, "'tokens'"
    yield "rows", {**tensors, "embed": tensors["embed"][:2]}, metadata, "tensor 'embed': 2 rows for 9 tokens"
    yield "dimensions", {**tensors, "embed": tensors["embed"][0]}, metadata, "not of the shape"
    yield "dtype", {**tensors, "embed": tensors["embed"].astype(np.int32)}, metadata, "dtype I32"
    yield "suffix", tensors, {**metadata, "assay.content": "statistics"}, "has no place in a trace of statistics"
    yield "prompt", tensors, {**metadata, "prompt_tokens": "3x"}, "prompt_tokens is '3x'"
    yield "long prompt", tensors, {**metadata, "prompt_tokens": "10"}, "they contradict each other"
    yield "positions", {**tensors, "positions": tensors["positions"][:4]}, metadata, "they contradict each other"


def test_files_that_are_no_traces(exact, tmp_path):
    with safe_open(exact[0], "numpy") as opened:
        metadata = opened.metadata()
    for name, tensors, changed, message in contradict(load_file(exact[0]), metadata):
        path = tmp_path / name
        save_file(tensors, path, metadata=changed)
        assert message in trace("--read", path, exit=2).stderr, name
