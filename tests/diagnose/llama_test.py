"""llama.cpp is right: whatever it says of its values, as whole tensors and as its eval-callback's few numbers, is never called a
fault. Its 8-bit activations are recognised as what they are."""

import json
import os
import subprocess

import numpy as np
import pytest

from tests.engine.llama_cpp import KINGJAMES, smollm2
from tests.foreign import llama_watch, tiny

ASSAY = os.environ["ASSAY_BINARY"]
KINGJAMES_TOKENS = [1, 891, 261, 2484, 271, 261, 1153, 271, 300, 40, 2000]
SMOLLM2_TOKENS = [1, 504, 3575, 282, 4649, 314, 253, 1123, 28, 198, 30, 2000]

pytestmark = pytest.mark.skipif(not llama_watch.is_there(), reason="scripts/setup could not fetch llama.cpp's libraries")


def diagnose(model, trace, tokens):
    run = subprocess.run([ASSAY, "diagnose", model, "--trace", trace, "--ids", " ".join(map(str, tokens)), "--json", "-t", "1"],
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout)


def check(verdict, judged, capsys, name):
    assert verdict["verdict"] == "rounding", verdict["findings"]
    assert len(verdict["acquitted"]) >= judged
    with capsys.disabled():
        worst = max(step["residual"] for step in verdict["steps"] if "residual" in step)
        print(f"\n{name}: {len(verdict['acquitted'])} of {len(verdict['steps'])} steps right, products in "
              f"{verdict['arithmetic']}, worst residual {worst:.1e}, "
              f"{[finding['fault'] for finding in verdict['findings']]}", end="")
    assert all(finding["class"] == "rounding" for finding in verdict["findings"])


@pytest.mark.parametrize("kind", ["F16", "Q8_0", "Q4_K_M", "SmolLM2", "deepseek2", "deepseek2, one tensor"])
def test_never_a_fault(kind, tmp_path, capsys):
    model, tokens = KINGJAMES, KINGJAMES_TOKENS
    if kind == "SmolLM2":
        model, tokens = smollm2(), SMOLLM2_TOKENS
    elif kind in tiny.EXPERTS:
        model, tokens = tiny.make(tmp_path, tiny.EXPERTS[kind]), [1, 259, 270, 265, 280, 272, 264, 277]
    elif kind != "F16":
        model = tmp_path / "model.gguf"
        subprocess.run([ASSAY, "quantize", KINGJAMES, model, kind], check=True, capture_output=True)

    text = tmp_path / "callback.txt"
    text.write_text(llama_watch.eval_text(model, tokens))
    verdict = diagnose(model, text, tokens)
    # Of latent attention llama.cpp has some values head by head only.
    is_latent = kind in tiny.EXPERTS
    check(verdict, len(verdict["steps"]) * (0.9 if is_latent else 1), capsys, f"{kind}, text")

    (tmp_path / "t").mkdir()
    # A dump by name keeps what a name held last: Q and K before their rotation are gone.
    tensors = {name.split(" ")[0]: tensor for name, tensor in llama_watch.tensors(model, tokens, tmp_path / "t").items()}
    np.savez(tmp_path / "t.npz", tokens=np.int32(tokens), **{name.replace("/", "_"): t for name, t in tensors.items()})
    verdict = diagnose(model, tmp_path / "t.npz", tokens)
    check(verdict, len(verdict["steps"]) * (0.6 if is_latent else 0.8), capsys, f"{kind}, tensors")
