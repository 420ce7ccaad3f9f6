"""Files that are not what they should be, through the program: one line that names file and place, exit code 2, nothing else."""

import os
import pathlib
import random
import subprocess

import numpy as np
import pytest
from gguf import GGUFReader

ROOT = pathlib.Path(__file__).parent.parent.parent
MODEL = ROOT / "models" / "kingjames-7m.f16.gguf"


def assay(*arguments, **settings):
    return subprocess.run([os.environ["ASSAY_BINARY"], *map(str, arguments)], capture_output=True, timeout=60,
                          stdin=subprocess.DEVNULL, **settings)


def assert_refused(result, *words):
    stderr = result.stderr.decode()
    assert result.returncode == 2, (result.returncode, stderr)
    assert result.stdout == b""
    lines = stderr.splitlines()
    assert lines[0].startswith("error: ") and len(lines) <= 2 and all(line.startswith("hint: ") for line in lines[1:]), stderr
    for word in words:
        assert word in lines[0], stderr


@pytest.mark.parametrize("content", [b"", b"G", b"GGUF", b"GGUF\x03\0\0\0", b"FUGG" + bytes(100), b"not a model\n" * 100])
def test_no_gguf(tmp_path, content):
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    for command in (["inspect", path], ["run", path, "-p", "a"], ["tokenize", path, "-p", "a"], ["bench", path]):
        assert_refused(assay(*command), str(path))


def test_truncated(tmp_path):
    # The reader's own tests cut at every 4 KiB; here a sample goes through the whole program.
    whole = MODEL.read_bytes()
    path = tmp_path / "cut.gguf"
    for length in random.Random(1).sample(range(4096, len(whole), 4096), 40) + [len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert_refused(assay("run", path, "-p", "a", "-n", "1"), str(path))


def test_a_model_without_weights_is_no_model(tmp_path):
    vocabulary = pathlib.Path(os.environ["ASSAY_DATA"]) / "vocab" / "ggml-vocab-llama-spm.gguf"
    if not vocabulary.exists():
        pytest.skip(f"{vocabulary} is not there")
    assert_refused(assay("run", vocabulary, "-p", "a"), str(vocabulary))
    assert assay("tokenize", vocabulary, "-p", "a").returncode == 0
    assert assay("inspect", vocabulary).returncode == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("engine", ["fast", "oracle"])
def test_a_weight_that_is_no_number_is_named(tmp_path, value, engine):
    tensor = next(t for t in GGUFReader(MODEL).tensors if t.name == "blk.3.ffn_up.weight")
    data = bytearray(MODEL.read_bytes())
    index = 5 * 256 + 7  # row 5; a block of F16 is one value
    offset = tensor.data_offset + 2 * index
    data[offset:offset + 2] = np.float16(value).tobytes()
    path = tmp_path / "damaged.gguf"
    path.write_bytes(data)
    result = assay("run", path, "-p", "In the beginning", "-n", "4", "--temp", "0", "--engine", engine)
    assert_refused(result, str(path), "blk.3.ffn_up.weight", str(index))
    shown = assay("inspect", path, "blk.3.ffn_up.weight", "--stats").stdout.decode()
    assert f"the first non-finite value is in block {index}\n" in shown


def test_statistics_against_numpy():
    import json
    tensors = {tensor.name: tensor.data.astype(np.float64) for tensor in GGUFReader(MODEL).tensors}
    for threads in ("1", "3"):
        shown = json.loads(assay("inspect", MODEL, "--stats", "--json", "--threads", threads).stdout)
        assert {tensor["name"] for tensor in shown["tensors"]} == set(tensors)
        for tensor in shown["tensors"]:
            values, found = tensors[tensor["name"]], tensor["statistics"]
            # Sums of up to a million float64 in another order.
            assert found["mean"] == pytest.approx(values.mean(), abs=1e-12 * np.abs(values).max())
            assert found["rms"] == pytest.approx(np.sqrt((values ** 2).mean()), rel=1e-12)
            assert (found["min"], found["max"]) == (values.min(), values.max())
            assert found["non_finite"] == 0 and sum(found["histogram"]) == values.size
            expected = np.histogram(values, bins=24, range=(values.min(), values.max()))[0]
            # A value on the border of two bins may be counted in either.
            assert np.abs(np.cumsum(found["histogram"]) - np.cumsum(expected)).max() <= 2


@pytest.mark.parametrize("command", [
    ("diagnose", MODEL, "-p", "a", "--generated", "5", "--html"),
    ("compare", MODEL, MODEL, "-p", "a", "--html"),
    ("imatrix", MODEL, "--text", __file__, "-o"),
    ("trace", MODEL, "-p", "a", "-o"),
    ("perplexity", MODEL, "--text", __file__, "--resume"),
    ("quantize", MODEL),
    ("probe", MODEL, "-o"),
], ids=lambda command: command[0])
@pytest.mark.parametrize("place", ["folder", "absent/out"])
def test_places_that_cannot_be_written_are_refused_before_the_work(tmp_path, command, place):
    (tmp_path / "folder").mkdir()
    if command[0] == "probe" and place != "folder":
        pytest.skip("probe makes the folders it needs")
    # A model that is none would be refused, had it been looked at first.
    nothing = tmp_path / "bad.gguf"
    nothing.write_bytes(b"nothing")
    arguments = [nothing if argument == MODEL else argument for argument in command]
    arguments += [tmp_path / place] + (["Q8_0"] if command[0] == "quantize" else [])
    assert_refused(assay(*arguments), str(tmp_path / place))
    assert sorted(tmp_path.iterdir()) == [nothing, tmp_path / "folder"] and not any((tmp_path / "folder").iterdir())


def test_output_that_cannot_be_written():
    with open("/dev/full", "wb") as full:
        result = subprocess.run([os.environ["ASSAY_BINARY"], "inspect"], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 2 and b"standard output: cannot write: No space left on device" in result.stderr


def test_a_reader_that_leaves_is_no_error():
    result = subprocess.run(f"{os.environ['ASSAY_BINARY']} inspect | head -1", shell=True, capture_output=True, timeout=60)
    assert result.stdout.startswith(b"kingjames") and result.stderr == b""
