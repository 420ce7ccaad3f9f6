"""Greedy continuations equal llama.cpp's, except where the exact margin is smaller than llama.cpp's own error there.

All engines are asked about llama.cpp's own path (teacher forcing), so that every position is judged, also after a difference.
"""

import os
import subprocess

import numpy as np
import pytest

from tests.engine import llama_cpp

COUNT = 64

KINGJAMES_PROMPTS = [
    "In the beginning",
    "And it came to pass",
    "The LORD is my shepherd;",
    "Now these are the names of the children of Israel,",
    "Blessed are the",
    "And Moses said unto the people,",
    "1:1 The book of",
    "Thou shalt not",
]

LONG = "\n".join(f"Item {i}: a box of {i * 7 % 13} blue and {i * 5 % 11} red marbles, weight {i * 37 % 101} grams." for i in range(1, 32))

SMOLLM2_PROMPTS = [
    "The capital of France is",
    "Die Hauptstadt von Deutschland ist Berlin. Die Stadt",
    "Había una vez un niño que vivía en",
    "東京は日本の首都です。",
    "def fibonacci(n):\n    ",
    "1, 2, 4, 8, 16, 32,",
    "<|im_start|>user\nWhy is the sky blue?<|im_end|>\n<|im_start|>assistant\n",
    LONG + "\nThe heaviest item is",
]


def greedy(model, prompts):
    text = "\n".join(" ".join(map(str, ids)) for ids in prompts) + "\n"
    result = subprocess.run([llama_cpp.PROGRAMS / "greedy", model, "fast", str(COUNT)], input=text, text=True,
                            capture_output=True)
    assert result.returncode == 0, result.stderr
    return [[int(word) for word in line.split()] for line in result.stdout.splitlines()]


@pytest.mark.parametrize("name", ["kingjames-7m", "SmolLM2-135M", "gemma-3-270m"])
def test_greedy(name, tmp_path):
    is_kingjames = name == "kingjames-7m"
    model = llama_cpp.KINGJAMES if is_kingjames else llama_cpp.gemma3() if name == "gemma-3-270m" else llama_cpp.smollm2()
    if not model.exists():
        pytest.skip(f"{model} is not there: assay pull gemma3")
    peer = llama_cpp.Peer(model)
    texts = KINGJAMES_PROMPTS if is_kingjames else SMOLLM2_PROMPTS
    prompts = [peer.tokenize(text) for text in texts]
    if not is_kingjames:
        assert max(map(len, prompts)) > 600
    paths, peer_rows = zip(*[peer.greedy(ids, COUNT) for ids in prompts])
    forced = [(COUNT, ids + path[:-1]) for ids, path in zip(prompts, paths)]
    exact, _ = llama_cpp.dump_logits(model, "oracle", forced, tmp_path / "oracle.npy")
    fast, description = llama_cpp.dump_logits(model, "fast", forced, tmp_path / "fast.npy")
    own_paths = greedy(model, prompts)

    equal, excused, wrong = 0, [], []
    for p, path in enumerate(paths):
        ours = fast[p * COUNT : (p + 1) * COUNT]
        reference = exact[p * COUNT : (p + 1) * COUNT]
        choices = ours.argmax(axis=1)
        # The generation loop itself takes the same way as long as it stands on the same path.
        agreed = next((i for i in range(COUNT) if choices[i] != path[i]), COUNT - 1) + 1
        assert own_paths[p][:agreed] == list(choices[:agreed])
        for i in range(COUNT):
            if choices[i] == path[i]:
                equal += 1
                continue
            top = np.partition(reference[i], -2)[-2:]
            margin = top[1] - top[0]
            error = np.abs(peer_rows[p][i] - reference[i]).max()
            own_error = np.abs(ours[i] - reference[i]).max()
            text = (f"prompt {p}, position {i}: ours {choices[i]}, llama.cpp {path[i]}, exact {reference[i].argmax()}, "
                    f"margin {margin:.3g}, llama.cpp's error {error:.3g}, ours {own_error:.3g}")
            fine = margin < error and choices[i] == reference[i].argmax()
            (excused if fine else wrong).append(text)
    peer_error = llama_cpp.relative_error(np.concatenate(peer_rows), exact)
    own_error = llama_cpp.relative_error(fast, exact)
    print(f"\n{name}, {description}: {equal} of {len(paths) * COUNT} ids equal llama.cpp's, {len(excused)} excused")
    print(f"  relative error of logits, median (max): ours {np.median(own_error):.2e} ({own_error.max():.2e}), "
          f"llama.cpp {np.median(peer_error):.2e} ({peer_error.max():.2e})")
    for text in excused:
        print("  near tie:", text)
    assert not wrong, "\n".join(wrong)
    assert np.median(own_error) < np.median(peer_error) / 100
    assert np.median(own_error) < 1e-4
