"""What is planted, what `assay diagnose` says of the dump, and whether that is right.

A fault that changes nothing in a model, by more than float32 could say, is not judged there.
"""

import collections
import json
import math
import os
import pathlib
import random
import subprocess
import threading
from typing import NamedTuple

import numpy as np

from tests.foreign import dump, tiny
from tests.foreign.engine import Engine, Model
from tests.foreign.faults import FAULTS, FaultyEngine, Planted, split_tap
from tests.foreign.rounding import RoundedFaultyEngine

PROMPT_TOKENS = 16
DECODED = 4
# Below this a change of a step's output, relative to it, is not told from float32.
NOTICEABLE = 2e-6
# In an engine of less precision: this many times what its rounding changes.
ABOVE = 5
MODELS = {**tiny.FAULTY, **tiny.FAULTY_FAMILIES, "llama, large values": tiny.LARGE_VALUES}
# In a model of large values attention is all or nothing, and most faults change nothing.
ONLY = {"llama, large values": {"f16_overflow"}, "granite": {"scale_of_model"}, "smollm3": {"rope_everywhere"},
        "deepseek2, one tensor": {"head_parts"}}


class Case(NamedTuple):
    model: str
    fault: str
    planted: tuple
    place: str  # "all" layers or one


class Outcome(NamedTuple):
    case: Case
    result: str  # "right", "tie", "wrong tap", "wrong fault", "wrong parameter", "not found"; "skipped"
    said: str
    false_findings: int = 0  # that name a step where nothing is planted
    found: float = 0  # share of the planted taps that a right finding names


def tokens_for(seed=5):
    return [1, *map(int, np.random.default_rng(seed).integers(3, 259, PROMPT_TOKENS + DECODED - 1))]


def steps_by_name(engine, fault):
    """{name in the layer: {layer: (tap, parameters to try)}}"""
    found = collections.defaultdict(dict)
    for step in engine.steps():
        variants = FAULTS[fault].variants(engine, step)
        if variants:
            layer, name = split_tap(step.tap)
            found[name][layer] = variants
    return found


def cases_of(model_name, engine, fault, rng):
    """Each parameter once in all layers and once in one layer."""
    names = steps_by_name(engine, fault)
    if not names:
        return
    if FAULTS[fault].everywhere:
        tried = {str(p): p for layers in names.values() for variants in layers.values() for p in variants}
        for parameters in tried.values():
            yield Case(model_name, fault, (Planted(fault, parameters),), "all")
            layers = [layer for steps in names.values() for layer, variants in steps.items()
                      if parameters in variants and layer is not None]
            if layers:
                yield Case(model_name, fault, (Planted(fault, parameters, {max(layers)}),), "one")
        return
    # At one kind of step, another one for each parameter.
    most = max(len(variants) for layers in names.values() for variants in layers.values())
    for index in range(most):
        able = {name: {layer: variants for layer, variants in layers.items() if len(variants) > index}
                for name, layers in names.items()}
        name = rng.choice(sorted(name for name in able if able[name]))
        every = [Planted(fault, variants[index], {layer}, {name}) for layer, variants in able[name].items()]
        yield Case(model_name, fault, tuple(every), "all")
        if len(every) > 1:
            yield Case(model_name, fault, (rng.choice(every),), "one")


def diagnose(path, trace, *arguments):
    """The verdict as the command's JSON says it."""
    command = [os.environ["ASSAY_BINARY"], "diagnose", path, "--json", "-t", "1", *arguments]
    if trace:
        command += ["--trace", trace]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip()[-400:]}")
    verdict = json.loads(done.stdout)
    assert (done.returncode == 1) == (verdict["verdict"] == "fault")
    return verdict


# What a finding says of these in words of its own: "1/sqrt(n_embd)", "attn_norm of the block before".
WORDED = {"direction", "factor", "heads", "keys", "scale", "tap", "tensor"}


def agree(theirs, planted):
    """Whether a finding's parameter is the planted one, for all that float32 can say: beside a mean square of about 1 it
    rounds the digits of an epsilon away that are below 2^-23."""
    try:
        return math.isclose(float(theirs), float(planted), rel_tol=1e-3, abs_tol=2**-23)
    except ValueError:
        return theirs == planted


def says(finding, planted):
    """"right" when the finding names what is planted, "tie" when it holds it for as good as what it names."""
    if finding["fault"] != planted.name:
        return "tie" if planted.name in finding["ties"] else None
    said = finding["parameters"]
    both = said.keys() & planted.parameters.keys() - WORDED
    return "right" if all(agree(said[name], planted.parameters[name]) for name in both) else "wrong parameter"


def mistakes_in(verdict):
    return [finding for finding in verdict["findings"] if finding["class"] != "rounding"]


def taps_of(finding):
    return {finding["tap"], *finding["taps"]}


def false_findings(mistakes, engine):
    """How many name a step where nothing is planted."""
    return sum(bool(taps_of(finding) - engine.effects.keys() - engine.hidden) for finding in mistakes)


def short(finding):
    parameters = " ".join(f"{name}={value}" for name, value in finding["parameters"].items())
    return f"{finding['tap']}: {finding['fault']} {parameters}".strip()


def said_of(verdict):
    return verdict["verdict"] + "; " + "; ".join(map(short, verdict["findings"][:3])) if verdict["findings"] \
        else verdict["verdict"]


def noticeable(engine):
    """The taps at which what is planted shows above the engine's own rounding."""
    levels = getattr(engine, "levels", {})
    return {tap for tap, effect in engine.effects.items() if effect > max(NOTICEABLE, ABOVE * levels.get(tap, 0))}


def judge(case, engine, verdict):
    """The first finding must be at a planted step, and must name what is planted."""
    planted = noticeable(engine) | engine.hidden
    right = {"right", "tie"}
    mistakes = mistakes_in(verdict)
    said = [says(finding, case.planted[0]) if taps_of(finding) & planted else None for finding in mistakes]
    found = {tap for finding, word in zip(mistakes, said) if word in right for tap in taps_of(finding)} & planted
    share = len(found) / len(planted - engine.hidden)
    if not mistakes:
        result = "not found"
    elif not taps_of(mistakes[0]) & planted:
        result = "wrong tap"
    else:
        result = said[0] or "wrong fault"
    return Outcome(case, result, said_of(verdict), false_findings(mistakes, engine), share)


class Bench:
    """The models, made once, and a folder for traces."""

    def __init__(self, folder, names):
        self.folder = pathlib.Path(folder)
        self.paths, self.models = {}, {}
        for index, name in enumerate(names):
            place = self.folder / str(index)
            place.mkdir()
            self.paths[name] = tiny.make(place, MODELS[name])
            self.models[name] = Model(self.paths[name])
        self.exact = {}
        self.tokens = tokens_for()

    def engine(self, name):
        return Engine(self.models[name])

    def right(self, name):
        """What an engine without faults has."""
        if name not in self.exact:
            self.exact[name] = self.engine(name).run(self.tokens)
        return self.exact[name]

    def diagnose(self, model, values, write=dump.write_npz, suffix=".npz"):
        """The verdict on a dump of these values."""
        path = self.folder / f"{threading.get_ident()}{suffix}"
        write(path, values, self.tokens, PROMPT_TOKENS)
        return diagnose(self.paths[model], path)

    def planted(self, model, planted, arithmetic=None):
        if arithmetic:
            engine = RoundedFaultyEngine(self.models[model], planted, PROMPT_TOKENS, arithmetic)
        else:
            engine = FaultyEngine(self.models[model], planted, PROMPT_TOKENS)
        with np.errstate(all="ignore"):
            values = engine.run(self.tokens)
        return engine, values

    def run(self, case, arithmetic=None):
        engine, values = self.planted(case.model, case.planted, arithmetic)
        if not noticeable(engine):
            return Outcome(case, "skipped", "no effect")
        return judge(case, engine, self.diagnose(case.model, values))

    def run_several(self, case):
        """A case of several faults, each at one step: an outcome for each."""
        engine, values = self.planted(case.model, case.planted)
        verdict = self.diagnose(case.model, values)
        mistakes = mistakes_in(verdict)
        outcomes = []
        for planted in case.planted:
            tap = next(step.tap for step in engine.steps() if planted.hits(engine, step))
            here = [finding for finding in mistakes if tap in taps_of(finding)]
            result = "skipped" if tap not in noticeable(engine) else "not found" if not here else \
                says(here[0], planted) or "wrong fault"
            outcomes.append(Outcome(case._replace(fault=planted.name), result, said_of(verdict)))
        outcomes[0] = outcomes[0]._replace(false_findings=false_findings(mistakes, engine))
        return outcomes


def all_cases(bench, faults):
    rng = random.Random(1)
    for name in bench.models:
        engine = bench.engine(name)
        for fault in faults:
            if fault in ONLY.get(name, faults):
                yield from cases_of(name, engine, fault, rng)


def several(bench, count, faults, runs):
    """`runs` cases of `count` faults at once, each at one step."""
    rng = random.Random(count)
    for _ in range(runs):
        name = rng.choice([name for name in bench.models if name not in ONLY])
        engine = bench.engine(name)
        able = [(step, fault) for step in engine.steps() for fault in faults
                if FAULTS[fault].variants(engine, step) and fault not in ONLY["llama, large values"]]
        by_tap = {}
        while len(by_tap) < count:
            step, fault = rng.choice(able)
            layer, tap_name = split_tap(step.tap)
            by_tap[step.tap] = Planted(fault, rng.choice(FAULTS[fault].variants(engine, step)), {layer}, {tap_name})
        yield Case(name, "several", tuple(by_tap.values()), "one")
