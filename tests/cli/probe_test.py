"""assay probe: its ids and references beside the numpy engine, and its snippets run by their own languages: numpy reads
what they write, and diagnose finds nothing in what they dumped of a right engine."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.foreign import tiny
from tests.foreign.engine import Engine, Model

ASSAY = os.environ["ASSAY_BINARY"]
MODEL = pathlib.Path(__file__).parents[2] / "models" / "kingjames-7m.f16.gguf"


def assay(*arguments, code=0):
    done = subprocess.run([ASSAY, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout


def read_trace(path):
    """Arrays of a safetensors file."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    types = {"F32": np.float32, "F64": np.float64, "I32": np.int32}
    return {name: np.frombuffer(data[start + entry["data_offsets"][0]:start + entry["data_offsets"][1]],
                                types[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in json.loads(data[8:start]).items() if name != "__metadata__"}


def read_ids(folder):
    return [[int(word) for word in line.split()] for line in (folder / "ids.txt").read_text().splitlines()]


@pytest.fixture(scope="module")
def engine():
    return Engine(Model(MODEL))


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe") / "kingjames"
    assay("probe", MODEL, "-o", folder)
    return folder


def test_ids_are_those_of_the_text_and_expose(probe):
    described = json.loads((probe / "probe.json").read_text())
    short, longer = described["probes"]
    for one in (short, longer):
        prompt, decoded = read_ids(probe / one["name"])
        assert prompt == json.loads(assay("tokenize", MODEL, "-p", one["text"], "--json"))["ids"]
        assert one["tokens"] == prompt + decoded and one["decode"] == decoded and one["prompt_tokens"] == len(prompt)
        assert len(set(prompt)) > 5 and len(set(prompt)) < len(prompt)
        assert any(digit in one["text"] for digit in "0123456789") and not one["text"].isascii()
        dump = probe / one["dump"]
        assert np.load(dump / "tokens.npy").tolist() == one["tokens"]
        assert np.load(dump / "prompt_tokens.npy") == len(prompt) and np.load(dump / "prescribed.npy") == 1
    assert 12 <= short["prompt_tokens"] < 20 and len(short["decode"]) == 4
    assert longer["prompt_tokens"] > 64 and len(longer["decode"]) == 8


def test_the_reference_is_exact_and_decodes_greedily(probe, engine):
    for name in ("short", "long"):
        prompt, decoded = read_ids(probe / name)
        trace = read_trace(probe / name / "reference.safetensors")
        right = engine.run(prompt + decoded)
        assert set(right) == set(trace) - {"tokens", "positions"}
        for tap, value in right.items():
            assert np.linalg.norm(trace[tap] - value) <= 1e-7 * np.linalg.norm(value), tap
        assert right["logits"].argmax(axis=1)[len(prompt) - 1:-1].tolist() == decoded


# Each calls the snippet's `dump` for every six arguments: folder, tap, first position, file of raw floats, rows, cols.
C_MAIN = """
#include "dump.c"
#include <stdlib.h>
int main(int count, char **a) {
  for (int i = 1; i + 5 < count; i += 6) {
    size_t rows = (size_t)atol(a[i + 4]), cols = (size_t)atol(a[i + 5]);
    float *data = malloc(rows * cols * sizeof *data);
    FILE *file = fopen(a[i + 3], "rb");
    if (!file || fread(data, sizeof *data, rows * cols, file) != rows * cols) return 1;
    fclose(file);
    if (dump(a[i], a[i + 1], (size_t)atol(a[i + 2]), data, rows, cols)) return 1;
    free(data);
  }
}
"""
JAVASCRIPT_MAIN = """
import { dump } from "./dump.mjs";
import { readFileSync } from "node:fs";
for (let i = 2; i + 5 < process.argv.length; i += 6) {
  const [folder, tap, first, raw, rows, cols] = process.argv.slice(i, i + 6);
  dump(folder, tap, +first, new Float32Array(new Uint8Array(readFileSync(raw)).buffer), +rows, +cols);
}
"""
RUST_MAIN = """
include!("dump.rs");
fn main() -> Result<()> {
    let a: Vec<String> = std::env::args().skip(1).collect();
    for c in a.chunks(6) {
        let raw = std::fs::read(&c[3])?;
        let data: Vec<f32> = raw.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        dump(&c[0], &c[1], c[2].parse().unwrap(), &data, c[4].parse().unwrap(), c[5].parse().unwrap())?;
    }
    Ok(())
}
"""
PYTHON_MAIN = """
import sys
import numpy as np
from dump import dump
for i in range(1, len(sys.argv), 6):
    folder, tap, first, raw, rows, cols = sys.argv[i:i + 6]
    dump(folder, tap, int(first), np.fromfile(raw, np.float32), int(rows), int(cols))
"""


def build(language, folder):
    """The command that runs the snippet, or None where the language is not installed."""
    def write(name, text):
        (folder / name).write_text(text)
        return folder / name
    if language == "python":
        return [sys.executable, write("main.py", PYTHON_MAIN)]
    if language == "c" and shutil.which("cc"):
        flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
        subprocess.run(["cc", *flags, write("main.c", C_MAIN), "-o", folder / "main"], check=True)
        return [folder / "main"]
    if language == "javascript" and shutil.which("node"):
        return ["node", write("main.mjs", JAVASCRIPT_MAIN)]
    if language == "rust" and shutil.which("rustc"):
        subprocess.run(["rustc", "--edition", "2021", "-Dwarnings", "-o", folder / "main_rust",
                        write("main.rs", RUST_MAIN)], check=True)
        return [folder / "main_rust"]
    return None


@pytest.mark.parametrize("language", ["python", "c", "javascript", "rust"])
def test_snippets_dump_what_diagnose_takes(language, probe, engine, tmp_path):
    folder = shutil.copytree(probe, tmp_path / "probe")
    command = build(language, folder)
    if command is None:
        pytest.skip(f"no {language} on this machine")
    prompt, decoded = read_ids(folder / "short")
    dump = folder / "short" / "dump"
    # A right engine's values: the prompt at once, then each decoded token.
    taps = [step.tap for step in engine.steps() if not step.tap.startswith("blk.") or step.tap.startswith("blk.0.")]
    trace = read_trace(probe / "short" / "reference.safetensors")
    arguments = []
    expected = {}
    for tap in taps:
        rows = trace[tap]
        pieces = [(0, rows[:len(prompt)])] + [(at, rows[at:at + 1]) for at in range(len(prompt), len(rows))]
        for first, piece in pieces:
            raw = tmp_path / f"{tap}.{first}"
            piece.tofile(raw)
            arguments += [dump, tap, first, raw, *piece.shape]
            expected[tap if first == 0 else f"{tap}@{first}"] = piece
    subprocess.run([*map(str, command), *map(str, arguments)], check=True)

    for name, piece in expected.items():
        written = np.load(dump / f"{name}.npy")
        assert written.dtype == np.float32 and np.array_equal(written, piece), name
    verdict = json.loads(assay("diagnose", MODEL, "--trace", dump, "--json"))
    assert verdict["verdict"] == "rounding" and not verdict["findings"], verdict
    # The final norm's input is not in the dump; all others have their inputs.
    assert set(taps) - {"final_norm"} <= set(verdict["acquitted"])


def test_snippets_name_every_tap_of_a_layer(probe, engine):
    for file in ("dump.py", "dump.c", "dump.mjs", "dump.rs"):
        text = (probe / file).read_text()
        assert "{{" not in text.replace("{{'descr'", "").replace(", }}", "")
        for step in engine.steps():
            width = {"ffn_gate": 768, "ffn_up": 768, "ffn_act": 768, "k": 128, "k_rope": 128, "v": 128,
                     "logits": 4096}.get(step.tap.split(".")[-1], 256)
            name = step.tap if "." not in step.tap else "blk.N." + step.tap.split(".")[2]
            assert any(line.split()[1:3] == [name, str(width)] for line in text.splitlines()), (file, name)


def probes_of(folder, *arguments):
    assay("probe", *arguments, "-o", folder)
    return {probe["name"]: probe for probe in json.loads((folder / "probe.json").read_text())["probes"]}


def test_a_window_is_passed_unless_it_is_far(tmp_path):
    near = probes_of(tmp_path / "near", tiny.make(tmp_path, "--architecture gemma2 --tied --window 90"))["long"]
    assert near["prompt_tokens"] > 90 and "the window of 90 positions" in near["exposes"]
    far_model = tiny.make(tmp_path, "--architecture gemma2 --tied")  # 4096 where the file does not say
    far = probes_of(tmp_path / "far", far_model)["long"]
    assert 64 < far["prompt_tokens"] < 100
    assert any("window of 4096" in line and "--long 4104" in line for line in far["hides"])


def test_a_context_without_room_has_a_short_probe_only(tmp_path):
    probes = probes_of(tmp_path / "probe", tiny.make(tmp_path, "--context 10"))
    assert list(probes) == ["short"]
    assert 2 <= probes["short"]["prompt_tokens"] <= 10 - len(probes["short"]["decode"])
