"""The oracle beside llama.cpp on trained models: the same greedy tokens, and logits no further apart than rounding."""

import os
import pathlib
import subprocess

import numpy as np
import pytest

from tests.foreign import llama_cpp

PROGRAMS = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs"
KINGJAMES = pathlib.Path(__file__).parents[2] / "models" / "kingjames-7m.f16.gguf"
STORIES = pathlib.Path(os.environ["ASSAY_DATA"]) / "models" / "stories260K.gguf"
GGML_TYPE_F16 = 1

# Model, prompts as ids, bounds of the median relative distance with llama.cpp's cache in float32 and in float16.
CASES = {
    # F32 weights: what is left is float32 rounding, or the rounding of the cache.
    "stories260K": (STORIES, [[1], [1, 426, 338, 391]], 1e-6, 1e-3),
    # F16 weights: llama.cpp rounds the activations to float16 as well.
    "kingjames-7m": (KINGJAMES, [[1], [1, 370, 4042, 4050, 13]], 1e-3, 1e-3),
}
LENGTH = 48
# Waiting threads sleep: other tests want the cores too.
ENVIRONMENT = os.environ | {"OMP_WAIT_POLICY": "passive"}


def oracle_greedy(path, prompt):
    run = subprocess.run([PROGRAMS / "greedy", path, "oracle", str(LENGTH)], input=" ".join(map(str, prompt)) + "\n",
                         text=True, capture_output=True, check=True, env=ENVIRONMENT)
    return [int(token) for token in run.stdout.split()]


def oracle_logits(path, tokens, folder):
    out = folder / "logits.npy"
    line = " ".join(map(str, [len(tokens), *tokens])) + "\n"
    subprocess.run([PROGRAMS / "dump_logits", path, "oracle", out], input=line,
                   text=True, check=True, env=ENVIRONMENT)
    return np.load(out)


@pytest.mark.parametrize("name", CASES)
def test_greedy_tokens_and_logits(name, tmp_path, capsys):
    path, prompts, f32_bound, f16_bound = CASES[name]
    if not path.exists():
        pytest.skip(f"{path.name} is not in ASSAY_DATA")
    for prompt in prompts:
        tokens = prompt + oracle_greedy(path, prompt)
        exact = oracle_logits(path, tokens, tmp_path)
        assert exact.dtype == np.float64
        assert np.array_equal(exact[len(prompt) - 1:-1].argmax(axis=1), tokens[len(prompt):])
        best_two = np.sort(exact, axis=1)[:, -2:]
        margins = best_two[:, 1] - best_two[:, 0]
        for cache, settings, bound in [("f32", {}, f32_bound),
                                       ("f16", {"type_k": GGML_TYPE_F16, "type_v": GGML_TYPE_F16}, f16_bound)]:
            theirs = llama_cpp.logits(path, tokens, **settings).astype(np.float64)
            distances = np.linalg.norm(theirs - exact, axis=1) / np.linalg.norm(exact, axis=1)
            errors = 2 * np.abs(theirs - exact).max(axis=1)
            flips = theirs.argmax(axis=1) != exact.argmax(axis=1)
            with capsys.disabled():
                print(f"\n{name}, prompt of {len(prompt)}, llama.cpp with {cache} cache: median distance "
                      f"{np.median(distances):.1e}, largest {distances.max():.1e}, {np.count_nonzero(flips)} flips; "
                      f"smallest margin {margins.min():.3f}", end="")
            assert np.median(distances) < bound
            assert not np.any(flips & (margins > errors))
