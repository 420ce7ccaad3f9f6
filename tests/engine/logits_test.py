"""The fast engine's logits: near the oracle's for every model and type, and the same bits with every instruction set."""

import os
import pathlib
import platform

import numpy as np
import pytest

from tests.engine import llama_cpp
from tests.foreign import tiny

DATA = pathlib.Path(os.environ["ASSAY_DATA"])
TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]
TRAINED = {
    "kingjames-7m": llama_cpp.KINGJAMES,
    "SmolLM2-135M Q4_1": llama_cpp.smollm2(),
    "stories260K F32": DATA / "models/stories260K.gguf",
    "TinyStories-656K F16": DATA / "models/tinystories-656k/TinyStories-656K.f16.gguf",
    "TinyStories-656K Q8_0": DATA / "models/tinystories-656k/TinyStories-656K-Q8_0.gguf",
}
# Other architectures in F32, and some of them quantized; those with a vocabulary below 300 are left out.
ARCHITECTURES = {name: arguments for name, arguments in (tiny.QWEN | tiny.GEMMA | tiny.EXPERTS).items() if "27B" not in name}
ARCHITECTURES |= {name: arguments for name, arguments in tiny.FAMILIES.items() if "odd" not in name}
# A rotation that also scales.
ARCHITECTURES["yarn"] = tiny.ROPE["yarn, attention factor"]
ARCHITECTURES["gemma2 Q4_K"] = tiny.CAPPED + " --window 5 --type Q4_K --width 256 --feed-forward 512 --head-width 64"
# Experts of both sizes of blocks, more of them than one call multiplies together.
ARCHITECTURES["mixtral Q4_K"] = "--experts 4 --type Q4_K,Q6_K --width 256 --heads 4 --feed-forward 256"
ARCHITECTURES["gpt-oss MXFP4"] = tiny.TYPES["experts, MXFP4"]
ARCHITECTURES["qwen3moe Q4_0"] = "--architecture qwen3moe --experts 6 --used-experts 3 --type Q4_0,Q8_0 --feed-forward 96"
# Blocks of 64, and matrices with factors.
ARCHITECTURES["NVFP4"] = "--type NVFP4 --embedding-type F32 --width 256 --feed-forward 512"
# Every kind of step and weight.
SAME_BITS = ["kingjames-7m", *TYPES, "NVFP4", "qwen2", "qwen3", "gemma2", "gemma2 Q4_K", "qwen2moe", "mixtral Q4_K",
             "qwen3moe Q4_0", "gemma3", "phi3", "mistral3", "starcoder2", "gpt-oss MXFP4", "deepseek2"]


def some_tokens(count, vocabulary):
    return [1] + [int(x) for x in np.random.default_rng(5).integers(3, vocabulary, count - 1)]


def tiny_model(name, folder):
    """By type, or by the name of an architecture's shape."""
    return tiny.make(folder, ARCHITECTURES.get(name, f"--type {name} --width 256 --feed-forward 512"))


def report(name, model, folder):
    """Prints both distances to the oracle, and returns ours."""
    tokens = some_tokens(24, 300)
    exact, _ = llama_cpp.dump_logits(model, "oracle", [(len(tokens), tokens)], folder / "oracle.npy")
    fast, description = llama_cpp.dump_logits(model, "fast", [(len(tokens), tokens)], folder / "fast.npy")
    ours = llama_cpp.relative_error(fast, exact)
    theirs = llama_cpp.relative_error(llama_cpp.Peer(model, 64).all_logits(tokens), exact)
    print(f"\n{name:24} relative error of logits, median (max): {description}: {np.median(ours):.2e} ({ours.max():.2e})   "
          f"llama.cpp: {np.median(theirs):.2e} ({theirs.max():.2e})", end="")
    return np.median(ours)


@pytest.mark.parametrize("name", [*TYPES, *ARCHITECTURES])
def test_tiny_model(name, tmp_path):
    assert report(f"tiny {name}", tiny_model(name, tmp_path), tmp_path) < 1e-4


@pytest.mark.parametrize("name", TRAINED)
def test_trained_model(name, tmp_path):
    if not TRAINED[name].exists():
        pytest.skip(f"{TRAINED[name]} is not there")
    assert report(name, TRAINED[name], tmp_path) < 1e-4


@pytest.mark.parametrize("cache", ["f32", "f16"])
@pytest.mark.parametrize("name", SAME_BITS)
def test_same_bits_with_every_instruction_set(name, cache, tmp_path):
    model = TRAINED[name] if name in TRAINED else tiny_model(name, tmp_path)
    sequences = [(9, some_tokens(9, 300)), (1, some_tokens(1, 300))]
    seen = {}
    for isa in ("scalar", "neon", "i8mm") if platform.machine() == "aarch64" else ("scalar", "avx2", "avx512", "zen4", "amx"):
        for threads in ("1", "2"):
            try:
                logits, description = llama_cpp.dump_logits(model, "fast", sequences, tmp_path / f"{isa}.npy", ASSAY_ISA=isa,
                                                            ASSAY_THREADS=threads, ASSAY_CACHE=cache)
            except AssertionError as error:
                assert isa != "scalar" and isa in str(error), error  # this machine lacks it
                continue
            assert description == f"fast {isa}, {threads} thread{'s' * (threads != '1')}, cache {cache}"
            seen[description] = np.array(logits).view(np.uint32)
    first, *others = seen
    for other in others:
        np.testing.assert_array_equal(seen[first], seen[other], err_msg=f"{first} and {other}")
