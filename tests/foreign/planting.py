"""How a mistake is planted in the numpy engine: which steps it hits, and what runs there instead."""

import math
from typing import Callable, NamedTuple

import numpy as np

from tests.foreign.engine import Engine


class Planted(NamedTuple):
    """A fault, and where: in which layers (None: all, and what is in none) and at which taps of a layer (None: all)."""
    name: str
    parameters: dict = {}
    layers: set = None
    names: set = None

    def hits(self, engine, step):
        layer, name = split_tap(step.tap)
        return ((self.layers is None or layer in self.layers) and (self.names is None or name in self.names)
                and self.parameters in FAULTS[self.name].variants(engine, step))


def split_tap(tap):
    """"blk.3.q_rope" -> (3, "q_rope"); "logits" -> (None, "logits")"""
    parts = tap.split(".")
    return (int(parts[1]), parts[2]) if len(parts) == 3 else (None, tap)


class Call:
    """A step that is about to run."""

    def __init__(self, engine, step, values):
        self.engine, self.step, self.values = engine, step, values
        self.layer, self.name = split_tap(step.tap)
        self.inputs = [values[tap] for tap in step.inputs]
        self.rows = len(values["tokens"])
        self.prompt_tokens = engine.prompt_tokens

    def run(self, *inputs, **changes):
        """The right step, with other inputs or parameters."""
        operation = getattr(self.engine, self.step.operation)
        return operation(*(inputs or self.inputs), **{**self.step.parameters, **changes})

    def multiply(self, matrix):
        """The right step with this weight, of experts [experts, outputs, inputs]."""
        if self.step.operation == "embed":
            return matrix[self.inputs[0]]
        if self.step.operation == "expert_linear":
            return self.engine.multiply_experts(*self.inputs, matrix, **self.step.parameters)
        if self.step.operation == "head_linear":
            return self.engine.multiply_heads(self.inputs[0], matrix)
        bias = self.step.parameters["bias"]
        x = self.engine.activations(self.inputs[0], self.step.parameters["weight"])
        matrix = matrix[self.step.parameters.get("rows", slice(None))]
        return x @ matrix.T + (0 if bias is None else self.engine.model.weight(bias))

    def decoded(self):
        """[rows] whether the row is a decoded token, not one of the prompt."""
        return np.arange(self.rows) >= self.prompt_tokens


class FaultyEngine(Engine):
    """`effects` says by tap how far a planted step is from the right one on the same inputs."""

    def __init__(self, model, planted, prompt_tokens, **of_the_base):
        super().__init__(model, **of_the_base)
        self.planted = planted
        self.prompt_tokens = prompt_tokens
        self.effects = {}
        self.hidden = set()

    def run(self, tokens):
        values = super().run(tokens)
        return {tap: value for tap, value in values.items() if tap not in self.hidden}

    def execute(self, step, values):
        right = super().execute(step, values)
        hits = [planted for planted in self.planted if planted.hits(self, step)]
        assert len(hits) < 2, f"{step.tap}: {hits}"
        if not hits:
            return right
        wrong = FAULTS[hits[0].name].run(Call(self, step, values), **hits[0].parameters)
        with np.errstate(all="ignore"):
            effect = np.linalg.norm(wrong - right) / np.linalg.norm(right)
        self.effects[step.tap] = effect if np.isfinite(effect) else np.inf
        return wrong


class Fault(NamedTuple):
    run: Callable  # (call, **parameters) -> the wrong output
    operations: tuple
    parameters: object  # a list of dicts, or a function (engine, step) -> list
    everywhere: bool  # an engine that makes it makes it at all such steps, not at one

    def variants(self, engine, step):
        if step.operation not in self.operations:
            return []
        return self.parameters(engine, step) if callable(self.parameters) else self.parameters


FAULTS = {}


def fault(operations, parameters=({},), everywhere=True):
    def add(function):
        listed = parameters if callable(parameters) else list(parameters)
        FAULTS[function.__name__] = Fault(function, tuple(operations.split()), listed, everywhere)
        return function
    return add


def choices(name, *values):
    return [{name: value} for value in values]


def unlike(name, right, values):
    """The values that are not the right one."""
    return choices(name, *(value for value in values if not math.isclose(value, right, rel_tol=1e-9)))
