"""Models with made-up weights: PyPI's gguf reads the same Gaussian numbers, and both engines run the file."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import gguf
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSAY = os.environ["ASSAY_BINARY"]
SCRIPT = ROOT / "bench" / "make_model.py"

spec = importlib.util.spec_from_file_location("make_model", SCRIPT)
make_model = importlib.util.module_from_spec(spec)
sys.modules["make_model"] = make_model
spec.loader.exec_module(make_model)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    command = [sys.executable, SCRIPT, "tiny", "Q4_K_M", "F16", "--folder", folder, "--assay", ASSAY, "--threads", "1"]
    paths = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert paths == [str(folder / "tiny.Q4_K_M.gguf"), str(folder / "tiny.F16.gguf")]
    return folder


def test_weights_are_gaussian(folder):
    seen = set()
    for tensor in gguf.GGUFReader(folder / "tiny.F16.gguf").tensors:
        values = np.array(tensor.data, np.float64)
        if values.ndim == 1:
            assert (values == 1).all()
            continue
        # Of n Gaussian numbers: means and quantiles within 5 of their standard errors.
        scaled, n = values.ravel() * np.sqrt(values.shape[1]), values.size
        assert abs(scaled.mean()) < 5 / np.sqrt(n), tensor.name
        assert abs(scaled.std() - 1) < 5 / np.sqrt(2 * n), tensor.name
        assert abs((np.abs(scaled) < 0.6744898).mean() - 0.5) < 5 * 0.5 / np.sqrt(n), tensor.name
        seen.add(values[0].tobytes())
    assert len(seen) == 2 * 7 + 2  # no two tensors begin alike


def test_types_are_those_of_the_mix(folder):
    types = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(folder / "tiny.Q4_K_M.gguf").tensors}
    assert types["blk.0.attn_q.weight"] == "Q4_K" and types["output.weight"] == "Q6_K"


def test_engines_run_it(folder):
    from cyllama.llama import llama_cpp

    path = folder / "tiny.Q4_K_M.gguf"
    run = subprocess.run([ASSAY, "run", path, "-p", "abc", "-n", "4", "--json"], check=True, capture_output=True, text=True)
    assert len(json.loads(run.stdout)["tokens"]) == 4
    llama_cpp.disable_logging()
    model = llama_cpp.LlamaModel(str(path))  # the vocabulary looks into it
    assert list(model.get_vocab().tokenize("abc", True, True)) == json.loads(run.stdout)["prompt_tokens"]


@pytest.mark.parametrize("name", make_model.SHAPES)
def test_vocabularies_are_whole(name):
    """As many tokens as the shape says, none twice; and every merge of two tokens is a token."""
    shape = make_model.SHAPES[name]
    writer = gguf.GGUFWriter(None, shape.architecture)
    make_model.add_vocabulary(writer, shape)
    key_values = {key: value.value for key, value in writer.kv_data[0].items()}
    tokens = key_values["tokenizer.ggml.tokens"]
    assert len(tokens) == len(set(tokens)) == shape.vocabulary == len(key_values["tokenizer.ggml.token_type"])
    known = set(tokens[:-2])
    for merge in key_values.get("tokenizer.ggml.merges", [])[::97]:
        first, second = merge.split(" ")
        assert {first, second, first + second} <= known


def test_a_model_that_is_there_is_kept(folder):
    before = (folder / "tiny.F16.gguf").stat().st_mtime_ns
    assert make_model.make("tiny", "F16", folder, ASSAY) == folder / "tiny.F16.gguf"
    assert (folder / "tiny.F16.gguf").stat().st_mtime_ns == before
