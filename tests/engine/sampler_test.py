"""The sampler's distributions against numpy's, and the frequencies it draws against the distributions."""

import os
import pathlib
import subprocess

import numpy as np
import pytest

PROGRAM = pathlib.Path(os.environ["ASSAY_BUILD"]) / "programs" / "sample"
RANDOM = np.random.default_rng(7)
LOGITS = (RANDOM.normal(size=500) * 3).astype(np.float32)
LOGITS[40] = LOGITS[41] = LOGITS.max() + 1  # a tie at the top
SAID = [1, 2, 3, 40, 40, 7, 7, 7, 90, 40]


def run(count=0, said=(), logits=LOGITS, **options):
    text = " ".join(map(str, said)) + "\n" + " ".join(repr(float(x)) for x in logits)
    arguments = [str(PROGRAM), str(count)] + [f"{name}={value}" for name, value in options.items()]
    out = subprocess.run(arguments, input=text, text=True, capture_output=True, check=True).stdout
    table, drawn = out.split("\n\n")
    pairs = [line.split() for line in table.splitlines()]
    tokens = np.array([int(token) for token, _ in pairs])
    return tokens, np.array([float(p) for _, p in pairs]), [int(x) for x in drawn.split()]


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def expected(said=(), temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repetition=1.0, frequency=0.0, presence=0.0, window=64):
    """The same stages as probabilities over the whole vocabulary, by sorting and masking."""
    x = LOGITS.astype(np.float64)
    recent = list(said)[len(said) - min(window, len(said)):]
    for token in set(recent):
        x[token] = x[token] / repetition if x[token] > 0 else x[token] * repetition
        x[token] -= recent.count(token) * frequency + presence
    order = np.lexsort((np.arange(len(x)), -x))
    if top_k:
        order = order[:top_k]
    if top_p < 1:
        p = softmax(x[order])
        order = order[: np.searchsorted(np.cumsum(p), top_p) + 1]
    order = order[softmax(x[order]) >= min_p * softmax(x[order]).max()]
    out = np.zeros(len(x))
    out[order] = softmax(x[order] / temperature)
    return out


CASES = [
    dict(temperature=1.0),
    dict(temperature=0.3),
    dict(temperature=2.5, top_k=1),
    dict(temperature=1.0, top_k=2),
    dict(temperature=0.8, top_k=40),
    dict(temperature=0.8, top_k=10000),
    dict(temperature=1.0, top_p=0.9),
    dict(temperature=1.7, top_p=0.3),
    dict(temperature=1.0, top_p=1e-9),
    dict(temperature=1.0, min_p=0.05),
    dict(temperature=1.0, min_p=1.0),
    dict(temperature=0.7, top_k=50, top_p=0.95, min_p=0.02),
    dict(said=SAID, temperature=1.0, repetition=1.3),
    dict(said=SAID, temperature=1.0, repetition=0.8),
    dict(said=SAID, temperature=1.0, frequency=0.5),
    dict(said=SAID, temperature=1.0, presence=0.7),
    dict(said=SAID, temperature=0.9, repetition=1.1, frequency=0.2, presence=0.3, window=4, top_k=100, top_p=0.8),
    dict(said=SAID, temperature=1.0, frequency=2, window=0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: ",".join(f"{k}={v}" for k, v in c.items() if k != "said"))
def test_distribution(case):
    tokens, probabilities, _ = run(**case)
    want = expected(**case)
    assert set(tokens) == set(np.flatnonzero(want)), "other tokens stay"
    np.testing.assert_allclose(probabilities, want[tokens], rtol=1e-11)
    assert len(set(tokens)) == len(tokens)


@pytest.mark.parametrize("case", [CASES[0], CASES[5], CASES[11], CASES[16]], ids=str)
def test_frequencies(case):
    """Chi-square of the draws, tokens of small probability pooled: below the quantile of one in a million."""
    count = 20000
    _, _, drawn = run(count=count, seed=3, **case)
    want = expected(**case) * count
    seen = np.bincount(drawn, minlength=len(want)).astype(float)
    assert seen[want == 0].sum() == 0
    common = want >= 20
    want = np.append(want[common], want[~common].sum())
    seen = np.append(seen[common], seen[~common].sum())
    keep = want > 0
    statistic = (((seen - want) ** 2)[keep] / want[keep]).sum()
    freedom = keep.sum() - 1
    # Wilson and Hilferty 1931: the cube root of chi-square/freedom is nearly normal.
    z = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom))
    print(f"chi-square {statistic:.1f} of {freedom} degrees of freedom, z {z:.2f}")
    assert abs(z) < 4.8


def test_seed():
    draws = [run(count=50, temperature=1.0, seed=seed)[2] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def xoshiro(seed, count):
    """Blackman and Vigna's xoshiro256** behind splitmix64, from its description."""
    mask = 2**64 - 1
    rotl = lambda x, k: (x << k | x >> (64 - k)) & mask
    state = []
    for _ in range(4):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
        state.append(z ^ z >> 31)
    for _ in range(count):
        yield rotl(state[1] * 5 & mask, 7) * 9 & mask
        t = state[1] << 17 & mask
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= t
        state[3] = rotl(state[3], 45)


def test_draws_are_the_generators():
    """Each draw is the first token whose cumulated probability passes the generator's number."""
    tokens, probabilities, drawn = run(count=200, temperature=1.0, top_k=30, seed=99)
    cumulated = np.cumsum(probabilities)
    uniform = np.array([x >> 11 for x in xoshiro(99, 200)]) * 2.0**-53
    assert drawn == list(tokens[np.searchsorted(cumulated, uniform, side="right")])


def test_temperature_zero_is_argmax():
    """Whatever else is asked for; the lower id of a tie."""
    options = dict(temperature=0, top_k=5, top_p=0.1, repetition=5, presence=50)
    assert run(count=3, said=SAID, **options)[2] == [40, 40, 40]


@pytest.mark.parametrize("bad", ["nan", "inf"])
@pytest.mark.parametrize("temperature", [0, 1])
def test_bad_logits(bad, temperature):
    logits = LOGITS.copy()
    logits[123] = float(bad)
    with pytest.raises(subprocess.CalledProcessError) as error:
        run(count=1, logits=logits, temperature=temperature)
    assert "token 123" in error.value.stderr and bad in error.value.stderr
