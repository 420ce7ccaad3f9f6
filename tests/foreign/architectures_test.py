"""Every architecture through every command, each against something that is not ours, and the table of that: docs/models.md.

    python tests/foreign/architectures_test.py --write docs/models.md
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.diagnose import bench
from tests.engine import logits_test
from tests.foreign import dump, engine_test, oracle_test, tiny
from tests.foreign.engine import Engine, Model
from tests.foreign.faults import FaultyEngine, Planted

ROOT = pathlib.Path(__file__).parents[2]
ARCHITECTURES = sorted(name for file in (ROOT / "src" / "model" / "architectures").glob("*.cc")
                       for name in re.findall(r'const Architecture k\w+ = \{\s*"([\w-]+)"', file.read_text()))
PROMPT = [1, 200, 7, 42, 258, 7, 31, 99, 3, 120]

# Trained models, by the tests that run them.
TRAINED = {
    "gemma3": "Gemma 3 270M Q4_K_M: greedy ids are llama.cpp's, but for near ties (tests/engine/greedy_test.py, where "
              "`assay pull gemma3` has been)",
    "llama": "King James 7M, SmolLM2-135M Q4_1, TinyStories, stories260K: greedy ids and logits (tests/engine, "
             "tests/foreign)",
}


def architecture_of(arguments):
    named = re.search(r"--architecture ([\w-]+)", arguments)
    return named[1] if named else "llama"


def shapes(models, architecture):
    return [name for name, arguments in models.items() if architecture_of(arguments) == architecture]


def first_shape(architecture):
    """Its arguments. Rows of whole blocks, so that it can be quantized."""
    name = "plain" if architecture == "llama" else architecture
    return oracle_test.TINY[name]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model(request, tmp_path_factory):
    return request.param, tiny.make(tmp_path_factory.mktemp("architecture"), first_shape(request.param))


def assay(*arguments, exits=(0,)):
    done = subprocess.run([os.environ["ASSAY_BINARY"], *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode in exits, done.stderr
    return done.stdout


def test_trace(model, tmp_path):
    """The fast engine's values, as the command writes them, are the numpy engine's to float32."""
    from safetensors.numpy import load_file

    _, path = model
    assay("trace", path, "--ids", " ".join(map(str, PROMPT)), "-o", tmp_path / "t.safetensors")
    taps = load_file(tmp_path / "t.safetensors")
    expected = Engine(Model(path)).run(PROMPT)
    assert taps.keys() - {"tokens", "positions"} == expected.keys()
    for tap, values in expected.items():
        error = np.linalg.norm(taps[tap] - values) / np.linalg.norm(values)
        assert error < 1e-5, (tap, error)


@pytest.mark.parametrize("context, length", [(256, "short"), (257, "long")])
def test_rotary_factors_by_context(context, length, tmp_path):
    """Phi-3's are chosen by --ctx, in both engines; diagnose tells who took the others, and believes its --ctx."""
    from safetensors.numpy import load_file

    path = tiny.make(tmp_path, first_shape("phi3"))
    expected = Engine(Model(path, context)).run(PROMPT)
    for engine, bound in (("oracle", 1e-10), ("fast", 1e-5)):
        out = tmp_path / "t.safetensors"
        assay("trace", path, "--ctx", context, "--engine", engine, "--dtype", "f64", "--ids", " ".join(map(str, PROMPT)),
              "-o", out)
        taps = load_file(out)
        assert max(oracle_test.relative_error(taps[tap], values) for tap, values in expected.items()) < bound
        out.unlink()
    dump.write_npz(tmp_path / "t.npz", expected, PROMPT, len(PROMPT))
    for told in (256, 257):
        verdict = json.loads(assay("diagnose", path, "--trace", tmp_path / "t.npz", "--ctx", told, "--json", exits=(0, 1)))
        found = {(finding["fault"], finding["parameters"]["factors"]) for finding in bench.mistakes_in(verdict)}
        assert found == (set() if told == context else {("rope_scaling_ignored", length)})
    done = subprocess.run([os.environ["ASSAY_BINARY"], "run", path, "--ctx", str(context), "-p", "a", "-n", "1"],
                          capture_output=True, text=True)
    assert f"rope_factors_{length}.weight" in done.stderr


def test_compare(model, tmp_path):
    """Quantized by `assay quantize`, then compared: the logits of both files are the numpy engine's."""
    _, path = model
    candidate = tmp_path / "q8_0.gguf"
    assay("quantize", path, candidate, "Q8_0")
    result = json.loads(assay("compare", path, candidate, "-p", "ab c", "-n", 4, "--engine", "oracle", "--json"))
    ids = json.loads(assay("tokenize", path, "--json", "-p", "ab c"))["ids"]
    rows = [Engine(Model(file)).run(ids)["logits"][-1] for file in (path, candidate)]
    assert not np.allclose(*rows, rtol=1e-6, atol=0)
    for entry in result["candidates"][0]["top"]:
        assert abs(entry["reference_logit"] - rows[0][entry["token"]]) < 1e-9
        assert abs(entry["candidate_logit"] - rows[1][entry["token"]]) < 1e-9


def test_diagnose(model, tmp_path):
    """A dump of the numpy engine is in order; with a mistake planted in its last block, that is found there."""
    _, path = model
    weights = Model(path)
    last = weights.get("block_count") - 1
    planted = [Planted("attention_scale", {"scale": 1.0}, {last})]
    attention = [step.tap for step in Engine(weights).steps() if step.operation == "attention"][-1]
    for engine, fault in ((Engine(weights), None), (FaultyEngine(weights, planted, len(PROMPT)), "attention_scale")):
        dump.write_npz(tmp_path / "t.npz", engine.run(PROMPT), PROMPT, len(PROMPT))
        verdict = bench.diagnose(path, tmp_path / "t.npz")
        found = [(finding["tap"], finding["fault"]) for finding in bench.mistakes_in(verdict)]
        assert found == ([(attention, fault)] if fault else []), bench.said_of(verdict)


def row(architecture):
    numpy_shapes = shapes(oracle_test.TINY, architecture)
    peer_shapes = shapes(engine_test.FLOAT_MODELS, architecture) + shapes(engine_test.GELU_MODELS, architecture)
    isa = any(architecture_of(logits_test.ARCHITECTURES.get(name, "")) == architecture for name in logits_test.SAME_BITS)
    matrix = shapes({name: arguments for name, arguments in bench.MODELS.items() if name not in bench.ONLY}, architecture)
    cells = [
        f"`{architecture}`",
        f"numpy at every tap, {len(numpy_shapes)} shapes",
        f"{len(peer_shapes)} shapes",
        "threads, pieces, observers" + (", instruction sets" if isa else ""),
        "numpy at every tap",
        "numpy, of a Q8_0 file",
        "a mistake of numpy's" + ("; [every fault](diagnose-matrix.md)" if matrix else ""),
        TRAINED.get(architecture, ""),
    ]
    return "| " + " | ".join(cells) + " |"


DOCUMENT = """# Models

Written by `tests/foreign/architectures_test.py`, of what the tests run: every architecture, and what was checked against
what. numpy stands for the engine in `tests/foreign/engine.py`, written from the papers, which shares no code with Assay;
the oracle is within 1e-10 of it, the fast engine within 1e-5. llama.cpp runs the same tiny random models in float32: its
logits are within 5e-6 of numpy's; where its GELU is a table of float16, of numpy's with that table.

| architecture | oracle | llama.cpp | fast: same bits for any | trace | compare, quantize | diagnose finds | trained models |
|---|---|---|---|---|---|---|---|
{rows}

What a family has beyond that is refused with a message, never run as something else: GLM-4's positions in images, Command R+'s norms of heads, `deepseek2` with scalings of positions other than YaRN's or with queries that grow with the position.
Phi-3's sliding window is honoured where a file names one; llama.cpp ignores it. OLMo 3 is `olmo2`
with windows. Groups of experts are chosen by the sum of their two largest
scores, as DeepSeek-V3 and llama.cpp do; that DeepSeek-V2 takes the largest alone no file says.

Phi-3 of long contexts (Phi-3-mini-128k, Phi-3.5, Phi-4-mini) divides rotary frequencies by one of two tensors.
`rope_factors_long` is used where `--ctx` asks for more positions than `rope.scaling.original_context_length`, and
`rope_factors_short` elsewhere, whatever the length of the text: so does llama.cpp with `-c`. Without `--ctx` it is the
short one, and the context ends at the original length, where llama.cpp without `-c` takes the whole context of the model
and with it the long one. A note on stderr says which was taken. `compare`, `perplexity` and `imatrix` go by their own
`--ctx`, the tokens of a chunk; `diagnose --ctx` says what the other engine's context was.
"""


def document():
    return DOCUMENT.format(rows="\n".join(map(row, ARCHITECTURES)))


def test_the_table_is_current():
    assert (ROOT / "docs" / "models.md").read_text() == document(), \
        "python tests/foreign/architectures_test.py --write docs/models.md"


if __name__ == "__main__":
    pathlib.Path(sys.argv[sys.argv.index("--write") + 1]).write_text(document())
