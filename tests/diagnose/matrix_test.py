"""A sample of the matrix (see matrix.py): one fault or several, in tiny models of each architecture; clean traces."""

import random

import pytest

from tests.diagnose import bench, partial
from tests.diagnose.bench import MODELS, all_cases, several
from tests.foreign.faults import FAULTS, Planted
from tests.foreign.rounding import RoundedEngine


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return bench.Bench(tmp_path_factory.mktemp("bench"), MODELS)


def test_single_faults(judge):
    """Each fault once, in some model, with some parameters; the sample is always the same."""
    by_fault = {}
    for case in all_cases(judge, list(FAULTS)):
        by_fault.setdefault(case.fault, []).append(case)
    rng = random.Random(2)
    outcomes = []
    for cases in by_fault.values():
        tried = (judge.run(case) for case in rng.sample(cases, len(cases)))
        outcomes.append(next(outcome for outcome in tried if outcome.result != "skipped"))
    bad = [outcome for outcome in outcomes if outcome.result not in ("right", "tie") or outcome.false_findings]
    assert len(outcomes) == len(FAULTS) and not bad, bad


def test_several_faults(judge):
    outcomes = [outcome for case in several(judge, 3, list(FAULTS), 6) for outcome in judge.run_several(case)]
    bad = [outcome for outcome in outcomes
           if outcome.result not in ("right", "tie", "skipped") or outcome.false_findings]
    assert not bad, bad


@pytest.mark.parametrize("arithmetic", ["f32", "f16", "bf16", "q8", "f16 sums"])
def test_rounding_is_no_fault(judge, arithmetic):
    for name in ("llama, K types", "gemma2"):
        verdict = judge.diagnose(name, RoundedEngine(judge.models[name], arithmetic).run(judge.tokens))
        assert verdict["verdict"] == "rounding", bench.said_of(verdict)


def test_two_faults_between_dumped_taps(judge):
    """Only every third value is given, and several steps between two of them are wrong."""
    case = bench.Case("llama, plain", "weight_transposed", (Planted("weight_transposed", {}, {2}),), "one")
    verdict = partial.third_taps(judge, case, *judge.planted(case.model, case.planted))
    assert verdict["findings"][0]["fault"] == case.fault
    assert all(finding["fault"] in (case.fault, "unknown") for finding in verdict["findings"])
