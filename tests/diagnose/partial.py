"""Dumps that say little: what diagnose can say of them, and that it claims nothing wrong with confidence."""

import random

import numpy as np

from tests.diagnose import bench
from tests.diagnose.bench import ONLY, all_cases, says, taps_of
from tests.foreign import dump
from tests.foreign.faults import FaultyEngine

CONFIDENT = 0.9
CASES = 40  # of each kind
MEANING = f"""A sample of {CASES} cases of the table; not judged where the logits do not change. Named: the first finding names the
fault with its parameters, as itself or in a tie. Wrong parameter: it names the fault alone, and the confidence is below
{CONFIDENT}. Place: only the step is right, and the confidence is below {CONFIDENT}. Undecided: the verdict claims nothing; its guess is
what it names first. Sure of it: a confidence of {CONFIDENT} or more."""


def third_taps(judge, case, engine, values):
    kept = {tap: value for index, (tap, value) in enumerate(values.items()) if index % 3 == 2 or tap == "logits"}
    return judge.diagnose(case.model, kept)


def statistics(judge, case, engine, values):
    return judge.diagnose(case.model, values, dump.write_facts, ".json")


def logits(judge, case, engine, values):
    return judge.diagnose(case.model, {"logits": values["logits"]})


def ids(judge, case, engine, values):
    """The prompt, and the eight ids that the engine goes on with."""
    prompt = judge.tokens[:bench.PROMPT_TOKENS]
    said = dump.greedy_ids(FaultyEngine(judge.models[case.model], case.planted, bench.PROMPT_TOKENS), prompt, 8)
    return bench.diagnose(judge.paths[case.model], None, "--ids", ",".join(map(str, prompt)),
                          "--generated", ",".join(map(str, said[len(prompt):])))


KINDS = {"every third tap": third_taps, "statistics and first values of the last row": statistics,
         "logits alone": logits, "ids alone": ids}


def judge_partial(case, engine, verdict, located):
    """"named", "wrong parameter", "place" (only the step is right), "undecided" with the best guess right or wrong,
    "wrong", "wrong, and sure of it" """
    mistakes = bench.mistakes_in(verdict)
    if not mistakes:
        return "undecided" if verdict["verdict"] == "undecided" else "not seen"
    first = mistakes[0]
    said = says(first, case.planted[0])
    planted = bench.noticeable(engine) | engine.hidden
    if verdict["verdict"] != "fault":
        return f"undecided, its guess {'right' if said else 'wrong'}"
    if {f"{case.planted[0].name} at {tap}" for tap in planted} & set(first["ties"]):
        return "named"
    if said in ("right", "tie"):
        return "named" if taps_of(first) & planted or not located else "named elsewhere"
    if said and first["confidence"] < CONFIDENT:
        return said
    if located and taps_of(first) & planted and first["confidence"] < CONFIDENT:
        return "place"
    return "wrong, and sure of it" if first["confidence"] >= CONFIDENT else "wrong"


def report(pool, judge, faults):
    rng = random.Random(7)
    cases = [case for case in all_cases(judge, faults) if case.model not in ONLY]
    lines = []
    for kind, look in KINDS.items():
        def run(case, look=look):
            engine, values = judge.planted(case.model, case.planted)
            effect = np.linalg.norm(values["logits"] - judge.right(case.model)["logits"])
            if not effect > bench.NOTICEABLE * np.linalg.norm(values["logits"]):
                return None
            try:
                verdict = look(judge, case, engine, values)
            except RuntimeError as error:
                print(f"{kind}: {case.model}: {error}")
                return "error"
            result = judge_partial(case, engine, verdict, look not in (logits, ids))
            if result.startswith("wrong"):
                print(f"{kind}: {result}: {case.model}: {case.planted[:2]} ({case.place})\n    "
                      f"{bench.said_of(verdict)}; confidence {verdict['findings'][0]['confidence']}")
            return result
        results = [result for result in pool.map(run, rng.sample(cases, min(CASES, len(cases)))) if result]
        counts = {result: results.count(result) for result in sorted(set(results))}
        lines.append(f"- {kind}, {len(results)} cases: " + ", ".join(f"{key} {value}" for key, value in counts.items()))
    return MEANING + "\n\n" + "\n".join(lines)
