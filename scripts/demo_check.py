#!/usr/bin/env python3
"""Checks what the demo showed: every token against llama.cpp (the PyPI package cyllama), and where the two differ against the exact
answer, computed in float64 by the independent numpy engine of tests/foreign.

Usage: demo_check.py ASSAY SMOLLM2_PATH CONTINUATION_PROMPT QUESTION
"""

import json
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.foreign import engine, llama_cpp  # noqa: E402

TOKENS = 64
GREEN, RED, PLAIN = ("\033[32m", "\033[1;31m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def check(what, path, command):
    answer = json.loads(subprocess.run([*command, "--temp", "0", "-n", str(TOKENS), "--json"], check=True, capture_output=True,
                                       stdin=subprocess.DEVNULL).stdout)
    prompt, tokens = answer["prompt_tokens"], np.array(answer["tokens"])
    text = [*prompt, *answer["tokens"][:-1]]
    # Both are asked for the next token after every prefix of our own answer, so that one difference does not hide the rest.
    theirs = llama_cpp.logits(path, text)[len(prompt) - 1 :]
    differing = np.flatnonzero(theirs.argmax(axis=1) != tokens)
    print(f"{GREEN}{what}: checked against llama.cpp: {len(tokens) - len(differing)} of {len(tokens)} tokens equal{PLAIN}")
    if len(differing) == 0:
        return True

    print("  computing the exact answer in numpy, for the rest", flush=True)
    exact = engine.Engine(engine.Model(path)).run(text)["logits"][len(prompt) - 1 :]
    passed = True
    for i in differing:
        second, first = np.sort(exact[i])[-2:]
        error = np.abs(theirs[i] - exact[i]).max()
        fine = exact[i].argmax() == tokens[i] and first - second < error
        passed &= fine
        verdict = f"{GREEN}ours is exact{PLAIN}" if fine else f"{RED}ours is wrong{PLAIN}"
        print(f"  token {i}: {verdict}; the exact margin is {first - second:.3f}, llama.cpp's own error there {error:.3f}")
    return passed


def main():
    assay, smollm2, prompt, question = sys.argv[1:]
    passed = [check("kingjames", ROOT / "models" / "kingjames-7m.f16.gguf", [assay, "run", "-p", prompt]),
              check("smollm2", pathlib.Path(smollm2), [assay, "run", smollm2, "--chat", "-p", question])]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
