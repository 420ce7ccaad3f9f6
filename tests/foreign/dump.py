"""What another engine's author would dump: the values of a run as .npz, wholly or in part."""

import json

import numpy as np


def write_npz(path, values, tokens, prompt_tokens):
    """float32 as engines have it; `values` [tokens, channels] by our taps."""
    with np.errstate(over="ignore", invalid="ignore"):
        arrays = {tap: value.astype(np.float32) for tap, value in values.items()}
    np.savez(path, tokens=np.asarray(tokens, np.int32), prompt_tokens=np.int32(prompt_tokens), **arrays)


def write_facts(path, values, tokens, prompt_tokens):
    """What people print: of the last row of each value its first numbers, mean, root mean square and extremes."""
    taps = {tap: {"row": len(value) - 1, "first": [float(np.float32(x)) for x in value[-1][:8]],
                  "mean": float(value[-1].mean()), "rms": float(np.sqrt(np.mean(value[-1] ** 2))),
                  "min": float(value[-1].min()), "max": float(value[-1].max())}
            for tap, value in values.items()}
    path.write_text(json.dumps({"tokens": [int(token) for token in tokens], "prompt_tokens": prompt_tokens,
                                "taps": taps}))


def greedy_ids(engine, prompt, count):
    """The prompt, and what the engine says after it."""
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(engine.run(tokens)["logits"][-1].argmax()))
    return tokens
