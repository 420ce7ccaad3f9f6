"""Every fault planted in the numpy engine, in every tiny model, and what `assay diagnose` says of the dumps.

    python tests/diagnose/matrix.py --write docs/diagnose-matrix.md
    python tests/diagnose/matrix.py --models qwen3 --faults rope_pairing,scale

Environment as for tests (ASSAY_BINARY, ASSAY_BUILD, PYTHONPATH). Prints every case that failed.
"""

import argparse
import collections
import concurrent.futures
import functools
import pathlib
import random
import sys
import tempfile

from tests.diagnose import bench, partial
from tests.diagnose.bench import MODELS, all_cases, several
from tests.foreign.faults import FAULTS
from tests.foreign.rounding import ARITHMETICS, RoundedEngine

GOOD = ("right", "tie")
INTRODUCTION = """# What diagnose finds

Written by `tests/diagnose/matrix.py`. Faults are planted in an engine that shares no code with Assay (numpy, float64;
its dumps are float32): a prompt of {prompt} tokens and {decoded} decoded ones, all taps. Each fault is planted with each of
its parameters, in all layers and in one. A case is right when the *first* finding is at a planted step and names the
fault, with the parameters that were planted where both are said in the same words; a tie names it among faults that
reproduce the dump as well. Not judged: {skipped} cases in which the fault changes no output by more than
{noticeable:g}, relative to it.

Tiny random models, by the arguments of `tests/programs/make_tiny_model.cc`:

{models}
"""


def run_all(pool, run, cases):
    """Outcomes in the order of the cases, with a sign of life."""
    outcomes = []
    for index, outcome in enumerate(pool.map(run, cases)):
        outcomes.append(outcome)
        if index % 20 == 19 and sys.stderr.isatty():
            print(f"\r{index + 1} cases", end="", file=sys.stderr)
    return outcomes


def share(part, whole):
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "none"


def print_failures(outcomes):
    for outcome in outcomes:
        if outcome.result not in (*GOOD, "skipped") or outcome.false_findings or 0 < outcome.found < 1:
            planted = "; ".join(f"{p.name} {p.parameters} layers {p.layers or 'all'} {p.names or ''}"
                                for p in outcome.case.planted[:3])
            print(f"{outcome.result}, {100 * outcome.found:.0f} % of the steps: {outcome.case.model}: {planted}\n"
                  f"    {outcome.said}")


def table(outcomes, models):
    """A row for each fault: in each model, how many cases were right, or what was said instead."""
    cells = collections.defaultdict(list)
    for outcome in outcomes:
        cells[outcome.case.fault, outcome.case.model].append(outcome)
    lines = ["| fault | " + " | ".join(models) + " |", "|---" * (len(models) + 1) + "|"]
    for fault in FAULTS:
        row = [cell(cells[fault, model]) for model in models]
        lines.append(f"| {fault} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def cell(outcomes):
    judged = [outcome for outcome in outcomes if outcome.result != "skipped"]
    if not judged:
        return "no effect" if outcomes else ""
    good = [outcome for outcome in judged if outcome.result in GOOD]
    ties = sum(outcome.result == "tie" for outcome in good)
    wrong = sorted({outcome.said.split("; ")[1].split(": ")[1].split(" ")[0] if "; " in outcome.said else outcome.said
                    for outcome in judged if outcome.result not in GOOD})
    text = f"{len(good)}/{len(judged)}" + (f", {ties} tied" if ties else "")
    return text + (f"; said {', '.join(wrong)}" if wrong else "")


def single_faults(pool, judge, faults):
    outcomes = run_all(pool, judge.run, all_cases(judge, faults))
    print_failures(outcomes)
    judged = [outcome for outcome in outcomes if outcome.result != "skipped"]
    lines = []
    for place, text in (("all", "in all layers"), ("one", "in one layer")):
        here = [outcome for outcome in judged if outcome.case.place == place]
        lines.append(f"- {text}: {share(sum(outcome.result in GOOD for outcome in here), len(here))}, "
                     f"of them ties {sum(outcome.result == 'tie' for outcome in here)}")
    lines.append(f"- of planted steps, named with the right fault: "
                 f"{100 * sum(outcome.found for outcome in judged) / max(len(judged), 1):.1f} %")
    lines.append(f"- findings at steps where nothing was planted: {sum(outcome.false_findings for outcome in judged)}")
    skipped = sum(outcome.result == "skipped" for outcome in outcomes)
    return skipped, "\n".join(lines) + "\n\n" + table(outcomes, list(judge.models))


def several_faults(pool, judge, faults, runs):
    lines = []
    for count, text in ((2, "pairs"), (3, "triples")):
        groups = run_all(pool, judge.run_several, several(judge, count, faults, runs))
        print_failures([outcome for group in groups for outcome in group])
        elsewhere = sum(outcome.false_findings for group in groups for outcome in group)
        groups = [[outcome for outcome in group if outcome.result != "skipped"] for group in groups]
        groups = [group for group in groups if group]
        every = [outcome for group in groups for outcome in group]
        lines.append(f"- {text}: all of them found in "
                     f"{share(sum(all(o.result in GOOD for o in group) for group in groups), len(groups))}, "
                     f"single ones {share(sum(o.result in GOOD for o in every), len(every))}; findings at steps where "
                     f"nothing was planted: {elsewhere}")
    return "\n".join(lines)


def rounded_faults(pool, judge, faults, runs):
    """Faults in engines that round, too."""
    lines = []
    cases = [case for case in all_cases(judge, faults) if case.model not in bench.ONLY]
    for arithmetic in ("f16", "bf16", "q8"):
        sample = random.Random(arithmetic).sample(cases, min(runs, len(cases)))
        outcomes = run_all(pool, functools.partial(judge.run, arithmetic=arithmetic), sample)
        print_failures(outcomes)
        judged = [outcome for outcome in outcomes if outcome.result != "skipped"]
        lines.append(f"- {arithmetic}: {share(sum(o.result in GOOD for o in judged), len(judged))}, of them ties "
                     f"{sum(o.result == 'tie' for o in judged)}; findings at steps where nothing was planted: "
                     f"{sum(o.false_findings for o in judged)}; too small to show: {len(outcomes) - len(judged)}")
    return "\n".join(lines)


def clean_traces(judge):
    """Engines that only round: what was said of each."""
    lines, bad = [], 0
    for name, model in judge.models.items():
        said = []
        for arithmetic in ARITHMETICS:
            if name in bench.ONLY and arithmetic.startswith("f16"):
                continue  # overflows, rightly
            verdict = judge.diagnose(name, RoundedEngine(model, arithmetic).run(judge.tokens))
            said.append(f"{arithmetic}: {verdict['verdict']}")
            if verdict["verdict"] == "fault":
                bad += 1
                print(f"clean: {name}: {arithmetic}: {bench.said_of(verdict)}")
        lines.append(f"- {name}: {', '.join(said)}")
    return f"Called a fault: {bad}.\n\n" + "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default=",".join(MODELS), help="separated by commas; a name's comma stays")
    parser.add_argument("--faults", help="separated by commas")
    parser.add_argument("--sections", default="single,several,rounded,partial,clean")
    parser.add_argument("--several", type=int, default=60, help="runs with pairs, and with triples")
    parser.add_argument("--rounded", type=int, default=100, help="runs in each arithmetic")
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args()
    names = [name for name in MODELS if name in options.models]
    faults = options.faults.split(",") if options.faults else list(FAULTS)
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        judge = bench.Bench(folder, names)
        skipped, sections = 0, []
        if "single" in options.sections:
            skipped, text = single_faults(pool, judge, faults)
            sections.append("## One fault\n\n" + text)
        if "several" in options.sections:
            sections.append("## Several faults at once\n\nAt random steps of random models, one fault a step.\n\n"
                            + several_faults(pool, judge, faults, options.several))
        if "rounded" in options.sections:
            sections.append("## Faults in engines that round\n\nA sample; judged where the fault changes an output by "
                            f"more than {bench.ABOVE} times what the engine's rounding changes.\n\n"
                            + rounded_faults(pool, judge, faults, options.rounded))
        if "partial" in options.sections:
            sections.append("## Partial traces\n\n" + partial.report(pool, judge, faults))
        if "clean" in options.sections:
            sections.append("## Engines that only round\n\n" + clean_traces(judge))
    models = "\n".join(f"- {name}: `{MODELS[name] or 'no arguments'}`" for name in names)
    document = INTRODUCTION.format(prompt=bench.PROMPT_TOKENS, decoded=bench.DECODED, skipped=skipped, models=models,
                                   noticeable=bench.NOTICEABLE) + "\n" + "\n\n".join(sections) + "\n"
    print(document)
    if options.write:
        options.write.write_text(document)


if __name__ == "__main__":
    main()
