"""The numpy engine itself, against people who never saw it: gguf's decoders, llama.cpp, published continuations."""

import json
import os
import pathlib

import gguf
import numpy as np
import pytest

from tests.foreign import formats, llama_cpp, tiny
from tests.foreign.engine import ACTIVATIONS, Engine, Model

DATA = pathlib.Path(os.environ["ASSAY_DATA"]) / "models"


@pytest.mark.parametrize("name", formats.FORMATS)
def test_formats_round_to_ggufs_values(name):
    kind = gguf.GGMLQuantizationType[name]
    raw = np.random.default_rng(1).integers(0, 256, (2000, gguf.GGML_QUANT_SIZES[kind][1]), np.uint8)
    view = raw.view({"F32": np.float32, "F16": np.float16}.get(name, np.uint8))
    with np.errstate(all="ignore"):
        theirs = gguf.quants.dequantize(view, kind).astype(np.float32).ravel()
        ours = formats.values(name, raw).astype(np.float32)
    assert np.count_nonzero(np.isfinite(theirs)) > theirs.size // 2
    assert np.array_equal(ours, theirs, equal_nan=True)


# The context settings of llama.cpp that say what it does not read from a file of this architecture.
SETTINGS = {
    "yarn, betas": {"yarn_beta_fast": 8.0, "yarn_beta_slow": 2.0},
    "yarn, half": {"yarn_ext_factor": 0.5},
    "yarn, off": {"yarn_ext_factor": 0.0},
}
# Nothing in llama.cpp's context says this for the architecture.
NOT_IN_LLAMA_CPP = {"yarn, log multiplier"}
FLOAT_MODELS = {name: tiny_model for name, tiny_model
                in (tiny.ROPE | tiny.SHAPES | tiny.QWEN | tiny.EXPERTS | tiny.FAMILIES).items()
                if name not in NOT_IN_LLAMA_CPP and not name.startswith("starcoder2")}
GELU_MODELS = tiny.GEMMA | {name: tiny_model for name, tiny_model in tiny.FAMILIES.items() if name.startswith("starcoder2")}


@pytest.mark.parametrize("name", FLOAT_MODELS)
def test_logits_are_llama_cpps(name, tmp_path):
    """In float32, where llama.cpp has no quantized activations: what is left is its rounding."""
    path = tiny.make(tmp_path, FLOAT_MODELS[name])
    tokens = np.random.default_rng(2).integers(3, 259, 100)
    theirs = llama_cpp.logits(path, tokens, **SETTINGS.get(name, {})).astype(np.float64)
    ours = Engine(Model(path)).run(tokens)["logits"]
    errors = np.linalg.norm(theirs - ours, axis=1) / np.linalg.norm(ours, axis=1)
    assert errors.max() < 5e-6


@pytest.mark.parametrize("context, in_llama_cpp", [(256, 256), (257, 512)])
def test_rotary_factors_by_context(context, in_llama_cpp, tmp_path):
    """The files of Phi-3 have two sets: llama.cpp, too, takes the long ones where the context passes the original 256.
    It makes contexts multiples of 256."""
    path = tiny.make(tmp_path, tiny.FAMILIES["phi3"])
    tokens = np.random.default_rng(2).integers(3, 259, 100)
    theirs = llama_cpp.logits(path, tokens, n_ctx=in_llama_cpp).astype(np.float64)
    ours = Engine(Model(path, context)).run(tokens)["logits"]
    errors = np.linalg.norm(theirs - ours, axis=1) / np.linalg.norm(ours, axis=1)
    assert errors.max() < 5e-6


class TableEngine(Engine):
    """With ggml's GELU: a table by the float16 next to x, of float16; zero below -10, x above 10."""

    def gated_activation(self, gate, up=1.0, *, function):
        def to_half(x):
            return x.astype(np.float32).astype(np.float16).astype(np.float64)

        table = to_half(ACTIVATIONS[function](to_half(gate)))
        return np.where(gate <= -10, 0, np.where(gate >= 10, gate, table)) * up


@pytest.mark.parametrize("name", GELU_MODELS)
def test_gelu_models_logits_are_llama_cpps(name, tmp_path):
    """As above but for what GELU's float16 does: in rows where float32 rounding tips a float16 over, that is left."""
    path = tiny.make(tmp_path, GELU_MODELS[name])
    tokens = np.random.default_rng(2).integers(3, 259, 100)
    theirs = llama_cpp.logits(path, tokens).astype(np.float64)
    ours = TableEngine(Model(path)).run(tokens)["logits"]
    errors = np.linalg.norm(theirs - ours, axis=1) / np.linalg.norm(ours, axis=1)
    assert np.quantile(errors, 0.25) < 5e-6
    assert errors.max() < 2 ** -10


class PermutedModel(Model):
    """The same model with the rows of q and k in the order in which rotary pairs are halves of a head."""

    def weight(self, name):
        values = super().weight(name)
        if values is None or not name.split(".")[-2] in ("attn_q", "attn_k"):
            return values
        heads = values.reshape(-1, self.get("embedding_length") // self.get("attention.head_count"), *values.shape[1:])
        return np.concatenate([heads[:, 0::2], heads[:, 1::2]], axis=1).reshape(values.shape)


def test_pairings_differ_by_a_permutation(tmp_path):
    path = tiny.make(tmp_path, "--biases --rope-scaling yarn")
    tokens = range(3, 40)
    neighbours = Engine(Model(path)).run(tokens)["logits"]
    assert np.allclose(Engine(PermutedModel(path), "halves").run(tokens)["logits"], neighbours, rtol=1e-12, atol=1e-12)
    assert not np.allclose(Engine(Model(path), "halves").run(tokens)["logits"], neighbours, rtol=1e-2, atol=1e-2)


def greedy_continues(logits, tokens, start):
    """Whether tokens[start:] are the best guesses of the logits before them."""
    return np.array_equal(logits[start - 1:-1].argmax(axis=1), tokens[start:])


def test_stories260k_continues_as_published():
    if not (DATA / "stories260K.gguf").exists():
        pytest.skip("stories260K.gguf is not in ASSAY_DATA")
    expected = json.loads((DATA / "stories260K.expected.json").read_text())
    tokens = expected["greedy_ids_from_bos"]
    logits = Engine(Model(DATA / "stories260K.gguf")).run(tokens)["logits"]
    assert greedy_continues(logits, tokens, 1)
    assert np.allclose(logits[0], expected["logits_after_bos"], rtol=0, atol=1e-5)


def tinystories_cases():
    file = DATA / "tinystories-656k" / "expected.json"
    return json.loads(file.read_text())["cases"] if file.exists() else []


@pytest.mark.parametrize("case", tinystories_cases(), ids=lambda case: f"{case['file']}, {case['prompt']}")
def test_tinystories_continue_as_published(case):
    path = DATA / "tinystories-656k" / case["file"]
    if not path.exists():
        pytest.skip(f"{case['file']} is not in ASSAY_DATA")
    tokens = case["prompt_ids"] + case["ids"]
    logits = Engine(Model(path)).run(tokens)["logits"]
    start = len(case["prompt_ids"])
    assert greedy_continues(logits, tokens, start)
    for token, value in case.get("logits_after_prompt_top8", []):
        assert abs(logits[start - 1, token] - value) < 1e-4
