"""assay compare on a text: its metrics on llama.cpp's own logits, and its engines on the same chunks."""

import json
import os
import re
import resource
import subprocess

import gguf
import numpy as np
import pytest

from tests.compare import llama_perplexity as peer
from tests.engine import llama_cpp

SHAKESPEARE = peer.DATA / "text/tinyshakespeare.txt"
pytestmark = pytest.mark.skipif(not SHAKESPEARE.exists(), reason=f"{SHAKESPEARE} is not there")
CONTEXT, CHUNKS = 128, 3
ROWS = CONTEXT - 1 - CONTEXT // 2


def quantize(source, target, type_name):
    """A copy with all matrices in one type, by the PyPI package gguf."""
    wanted = gguf.GGMLQuantizationType[type_name]
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in ("general.architecture", "general.file_type"):
            is_array = field.types[0] == gguf.GGUFValueType.ARRAY
            writer.add_key_value(field.name, field.contents(), field.types[0], field.types[-1] if is_array else None)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        if len(tensor.shape) > 1:
            writer.add_tensor(tensor.name, gguf.quantize(values, wanted), raw_dtype=wanted)
        else:
            writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("text")


@pytest.fixture(scope="module")
def text(folder):
    path = folder / "text.txt"
    path.write_text(SHAKESPEARE.read_text()[:8000])
    return path


@pytest.fixture(scope="module")
def candidates(folder):
    return {name: quantize(llama_cpp.KINGJAMES, folder / f"{name}.gguf", name) for name in ("Q8_0", "Q4_0")}


@pytest.fixture(scope="module")
def chunks(text):
    return peer.chunk_tokens(llama_cpp.KINGJAMES, text.read_text(), CONTEXT, CHUNKS)


@pytest.fixture(scope="module")
def logits(candidates, chunks):
    """llama.cpp's."""
    models = {"reference": llama_cpp.KINGJAMES} | candidates
    return {name: peer.peer_logits(model, chunks[1]) for name, model in models.items()}


def compare(*arguments, exit_code=0):
    result = subprocess.run([peer.BINARY, "compare", *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == exit_code, result.stderr
    return result


@pytest.fixture(scope="module")
def ours(text, candidates):
    return json.loads(compare(llama_cpp.KINGJAMES, *candidates.values(), "--text", text, "--ctx", CONTEXT, "--chunks", CHUNKS,
                              "--json", "--positions").stdout)


def compare_logits(reference, candidate, tokens, folder):
    """Our metrics on anybody's logits."""
    for name, rows in (("reference", reference), ("candidate", candidate)):
        rows.astype(np.float32).tofile(folder / name)
    result = subprocess.run([llama_cpp.PROGRAMS / "compare_logits", folder / "reference", folder / "candidate",
                             str(reference.shape[1]), str(ROWS)], input=" ".join(map(str, tokens)), text=True,
                            capture_output=True, check=True)
    return json.loads(result.stdout)


def figures(document):
    """Ours, by the names of llama_perplexity.statistics()."""
    found, = document["candidates"]
    kl = found["kl"]
    return {
        "ppl": found["ppl"],
        "ppl_base": document["reference"]["ppl"],
        "ppl_ratio": found["ppl_ratio"],
        "kl": kl["mean"],
        "kl_error": kl["independent_stderr"],
        "kl_median": kl["median"],
        "kl_p90": kl["p90"],
        "kl_p99": kl["p99"],
        "kl_p999": kl["p999"],
        "kl_max": kl["max"],
        "rms_dp": found["rms_probability_difference"],
        "same_top": found["top1_agreement"],
    }


@pytest.mark.parametrize("name", ["Q8_0", "Q4_0"])
def test_metrics_on_llama_cpp_logits(name, logits, chunks, tmp_path):
    tokens = peer.targets(chunks[0])
    document = compare_logits(logits["reference"], logits[name], tokens, tmp_path)
    expected = peer.statistics(logits["reference"], logits[name], tokens)
    del expected["ppl_ratio_error"]
    # KL is a difference of sums of the size of a logit; the rest is exp and log to an ulp or two.
    assert figures(document) == pytest.approx(expected, rel=1e-9, abs=1e-13)

    # Beside the 16-bit file: p ln p is off by p times half a step, and p itself by half a step of itself.
    stored, step = peer.stored_log_probs(logits["reference"])
    p, q = peer.log_softmax(logits["reference"]), peer.log_softmax(logits[name])
    distance = (np.exp(p) * np.abs(p - q)).sum(axis=1)
    cut = np.where(stored > -16, 0, np.exp(p) * np.abs(p - q)).sum(axis=1)
    bound = 1.001 * step / 2 * (1 + distance) + cut + 1e-12
    kl = np.array([row["kl"] for row in document["candidates"][0]["text_positions"]])
    from_file = peer.kl_divergence(stored, logits[name])
    assert (np.abs(kl - from_file) < bound).all()
    print(f"\n{name}: mean KL {kl.mean():.7f}, from a file of 16-bit log-probabilities {from_file.mean():.7f}", end="")


@pytest.mark.parametrize("index, name", [(0, "Q8_0"), (1, "Q4_0")])
def test_engine_beside_llama_cpp(index, name, ours, logits, chunks):
    theirs = peer.statistics(logits["reference"], logits[name], peer.targets(chunks[0]))
    found = ours["candidates"][index]
    print(f"\n{name}: PPL {found['ppl']:.4f}, KL {found['kl']['mean']:.6f}; llama.cpp's PPL {theirs['ppl']:.4f}, "
          f"KL {theirs['kl']:.6f}", end="")
    assert found["ppl"] == pytest.approx(theirs["ppl"], rel=0.005)
    assert found["ppl_ratio"] == pytest.approx(theirs["ppl_ratio"], rel=0.005)
    if theirs["kl"] > 0.005:
        assert found["kl"]["mean"] == pytest.approx(theirs["kl"], rel=0.1)


def test_positions_flips_and_near_ties(ours, candidates, chunks, tmp_path):
    """Against numpy on our own logits: which position is which, and what is counted apart."""
    reference = peer.our_logits(llama_cpp.KINGJAMES, chunks[1], tmp_path).astype(np.float64)
    tokens = peer.targets(chunks[0])
    for found, model in zip(ours["candidates"], candidates.values()):
        candidate = peer.our_logits(model, chunks[1], tmp_path).astype(np.float64)
        difference = candidate - reference
        typical = np.median(difference.std(axis=1))
        top = np.sort(reference, axis=1)
        margin = top[:, -1] - top[:, -2]
        flips = reference.argmax(axis=1) != candidate.argmax(axis=1)
        assert found["typical_logit_error"] == pytest.approx(typical, rel=1e-9)
        assert found["near_ties"] == (flips & (margin < typical)).sum()
        assert found["text_flips"] == (flips & (margin >= typical)).sum()
        rows = found["text_positions"]
        assert [row["token"] for row in rows] == list(tokens)
        assert [row["chunk"] for row in rows] == list(np.repeat(range(CHUNKS), ROWS))
        assert [row["position"] for row in rows] == list(range(CONTEXT // 2 + 1, CONTEXT)) * CHUNKS
        assert [row["near_tie"] for row in rows] == list(flips & (margin < typical))
        assert [row["candidate_top"] for row in rows] == list(candidate.argmax(axis=1))
        q = peer.log_softmax(candidate)[np.arange(len(tokens)), tokens]
        p = peer.log_softmax(reference)[np.arange(len(tokens)), tokens]
        np.testing.assert_allclose([row["candidate_log_prob"] for row in rows], q, rtol=1e-6)
        assert found["log_prob_difference"] == pytest.approx((q - p).mean(), rel=1e-6)
    assert found["text_flips"] > 0 and found["near_ties"] > 0


def test_standard_error_is_a_block_bootstrap(ours):
    """20000 resamples of blocks: the fifteen-and-more parts of chunks that statistics.h describes."""
    kl = np.array([row["kl"] for row in ours["candidates"][1]["text_positions"]]).reshape(CHUNKS, ROWS)
    parts = -(-16 // CHUNKS)
    edges = [ROWS * part // parts for part in range(parts + 1)]
    blocks = [chunk[begin:end] for chunk in kl for begin, end in zip(edges, edges[1:])]
    sums, sizes = np.array([b.sum() for b in blocks]), np.array([len(b) for b in blocks])
    drawn = np.random.default_rng(1).integers(len(blocks), size=(20000, len(blocks)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    correction = np.sqrt(len(blocks) / (len(blocks) - 1))
    # 20000 draws know a standard deviation to 0.5 %; resamples differ in size by a position or two.
    assert ours["candidates"][1]["kl"]["stderr"] == pytest.approx(means.std() * correction, rel=0.03)


def test_a_model_beside_itself(text):
    found, = json.loads(compare("kingjames", llama_cpp.KINGJAMES, "--text", text, "--ctx", 64, "--chunks", 2, "--json",
                                "--max-kl", 0, "--min-top1", 1, "--max-ppl-ratio", 1).stdout)["candidates"]
    assert found["kl"]["max"] == 0 and found["ppl_ratio"] == 1 and found["top1_agreement"] == 1
    assert found["typical_logit_error"] == 0 and found["near_ties"] == 0 and found["text_flips"] == 0


@pytest.mark.parametrize("threshold, sentence", [
    (["--max-kl", 0.001], "mean KL [0-9.]+ is above --max-kl 0.001"),
    (["--min-top1", 0.999], "top-1 agreement [0-9.]+ is below --min-top1 0.999"),
    (["--max-ppl-ratio", 1.0001], "perplexity ratio [0-9.]+ is above --max-ppl-ratio 1.0001"),
])
def test_thresholds(threshold, sentence, text, candidates):
    arguments = ["kingjames", candidates["Q4_0"], "--text", text, "--ctx", 64, "--chunks", 2]
    result = compare(*arguments, *threshold, exit_code=1)
    assert re.search(rf"^failed: .*Q4_0.gguf: {sentence}$", result.stderr, re.MULTILINE)
    assert "mean KL" in result.stdout


def test_writes_no_file_and_needs_no_more_memory_for_more_chunks(text):
    peaks = []
    for chunks in (2, 24):
        process = subprocess.Popen(
            [peer.BINARY, "compare", "kingjames", "kingjames", "--text", text, "--ctx", "64", "--chunks", str(chunks)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        peaks.append(usage.ru_maxrss * 1024)
    rows_of_one_chunk = 31 * 4096 * 4
    assert peaks[1] - peaks[0] < 4 * rows_of_one_chunk  # of 22 more


def test_another_vocabulary_is_refused(text):
    stderr = compare("kingjames", llama_cpp.smollm2(), "--text", text, "--ctx", 64, exit_code=2).stderr
    assert "another vocabulary than the reference's: 49152 tokens, not 4096" in stderr


def test_oracle(text, candidates, ours):
    found = json.loads(compare("kingjames", candidates["Q4_0"], "--text", text, "--ctx", CONTEXT, "--chunks", 1, "--engine",
                               "oracle", "--json", "--positions").stdout)
    assert found["engine"].startswith("oracle")
    exact = [row["kl"] for row in found["candidates"][0]["text_positions"]]
    fast = [row["kl"] for row in ours["candidates"][1]["text_positions"]][:ROWS]
    np.testing.assert_allclose(fast, exact, rtol=1e-2, atol=1e-6)
