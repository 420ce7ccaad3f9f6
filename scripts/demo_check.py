#!/usr/bin/env python3
"""Checks what the demo showed: the same requests to llama.cpp (the PyPI package cyllama), token id by token id.

Usage: demo_check.py ASSAY SMOLLM2_PATH CONTINUATION_PROMPT QUESTION
"""

import json
import pathlib
import subprocess
import sys

from cyllama.llama import llama_cpp as cyllama

ROOT = pathlib.Path(__file__).parent.parent
TOKENS = 64
GREEN, RED, PLAIN = ("\033[32m", "\033[1;31m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


class Model(cyllama.LlamaModel):
    """With the property that cyllama's own get_logits_ith asks for and its model lacks."""

    @property
    def n_vocab(self):
        return self.get_vocab().n_vocab


def greedy(path, prompt, count):
    """The most likely token, again and again, as llama.cpp computes it."""
    cyllama.disable_logging()
    parameters = cyllama.LlamaModelParams()
    parameters.n_gpu_layers = 0
    model = Model(path_model=str(path), params=parameters, verbose=False)
    context_parameters = cyllama.LlamaContextParams()
    context_parameters.n_ctx = context_parameters.n_batch = max(256, len(prompt) + count)
    context = cyllama.LlamaContext(model=model, params=context_parameters, verbose=False)
    tokens, position, fresh = [], 0, list(prompt)
    while len(tokens) < count:
        batch = cyllama.LlamaBatch(n_tokens=len(fresh), embd=0, n_seq_max=1, verbose=False)
        for index, token in enumerate(fresh):
            batch.add(token, position + index, [0], index + 1 == len(fresh))
        context.decode(batch)
        position += len(fresh)
        logits = context.get_logits_ith(len(fresh) - 1)
        fresh = [max(range(len(logits)), key=lambda token: logits[token])]
        tokens += fresh
    return tokens


def check(what, path, command):
    ours = json.loads(subprocess.run([*command, "--temp", "0", "-n", str(TOKENS), "--json"], check=True, capture_output=True,
                                     stdin=subprocess.DEVNULL).stdout)
    theirs = greedy(path, ours["prompt_tokens"], len(ours["tokens"]))
    equal = sum(a == b for a, b in zip(ours["tokens"], theirs))
    total = len(ours["tokens"])
    colour = GREEN if equal == total else RED
    print(f"{colour}{what}: checked against llama.cpp: {equal} of {total} tokens equal{PLAIN}")
    return equal == total


def main():
    assay, smollm2, prompt, question = sys.argv[1:]
    passed = [check("kingjames", ROOT / "models" / "kingjames-7m.f16.gguf", [assay, "run", "-p", prompt]),
              check("smollm2", smollm2, [assay, "run", smollm2, "--chat", "-p", question])]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
