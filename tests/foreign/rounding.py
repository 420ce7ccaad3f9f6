"""The numpy engine in the arithmetic of other people's engines: nothing in it is wrong, everything is rounded."""

import numpy as np

from tests.foreign import misread
from tests.foreign.engine import Engine
from tests.foreign.planting import FaultyEngine


def to_f32(x):
    return np.asarray(x, np.float64).astype(np.float32).astype(np.float64)


def to_f16(x):
    with np.errstate(over="ignore"):
        return np.asarray(x, np.float64).astype(np.float16).astype(np.float64)


def to_bf16(x):
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16
    return bits.astype(np.uint32).view(np.float32).astype(np.float64)


def quantized_by_32(x):
    """As ggml's Q8_0: a float16 scale of largest / 127, quants rounded half away from zero."""
    blocks = x.reshape(-1, 32)
    d = np.abs(blocks).max(axis=1, keepdims=True) / 127
    quants = np.divide(blocks, d, out=np.zeros_like(blocks), where=d > 0)
    return (to_f16(d) * np.sign(quants) * np.floor(np.abs(quants) + 0.5)).reshape(x.shape)


def quantized_by_256(x):
    """As ggml's Q8_K: a float32 scale such that the value of largest size becomes -127."""
    blocks = x.reshape(-1, 256)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    d = to_f32(largest / -127)
    quants = np.divide(blocks, d, out=np.zeros_like(blocks), where=d != 0)
    return (d * np.minimum(np.rint(quants), 127)).reshape(x.shape)


ARITHMETICS = ("f32", "f16", "bf16", "q8", "f16 sums")


class RoundedModel:
    """A model whose weights are rounded."""

    def __init__(self, model, rounding):
        self.model, self.rounding = model, rounding

    def __getattr__(self, name):
        return getattr(self.model, name)

    def weight(self, name):
        values = self.model.weight(name)
        return values if values is None else self.rounding(values)


class RoundedEngine(Engine):
    """Every operation's inputs, weights and result in float32, float16 or bfloat16; "q8": float32 with activations of
    8 bits before the linear steps of quantized weights, as ggml has them on a CPU; "f16 sums": float32 with the sums of
    linear steps in float16."""

    def __init__(self, model, arithmetic):
        self.arithmetic = arithmetic
        self.rounding = {"f16": to_f16, "bf16": to_bf16}.get(arithmetic, to_f32)
        super().__init__(RoundedModel(model, self.rounding))

    def execute(self, step, values):
        rounded = {tap: values[tap] if tap == "tokens" else self.rounding(values[tap]) for tap in step.inputs}
        return self.rounding(super().execute(step, rounded))

    def activations(self, x, weight):
        kind = self.model.tensors[weight].tensor_type.name
        if self.arithmetic != "q8" or kind not in misread.HALVES:
            return x
        return quantized_by_256(x) if kind.endswith("_K") else quantized_by_32(x)

    def multiply_experts(self, x, chosen, matrices, weight, bias):
        if self.arithmetic != "f16 sums":
            return super().multiply_experts(x, chosen, matrices, weight, bias)
        vectors = x.reshape(len(x), -1, matrices.shape[2])
        chosen = chosen.astype(int)
        total = np.zeros((*chosen.shape, matrices.shape[1]))
        for column in range(matrices.shape[2]):
            total = to_f16(total + to_f16(vectors[:, :, column:column + 1] * matrices[chosen][..., column]))
        return (total + (0 if bias is None else self.model.weight(bias)[chosen])).reshape(len(x), -1)

    def linear(self, x, weight, bias, rows=slice(None)):
        if self.arithmetic != "f16 sums":
            return super().linear(x, weight, bias, rows)
        matrix = self.model.weight(weight)[rows]
        total = np.zeros((len(x), len(matrix)))
        for column in range(x.shape[1]):
            total = to_f16(total + to_f16(x[:, column:column + 1] * matrix[:, column]))
        return total if bias is None else total + self.model.weight(bias)[rows]


class RoundedFaultyEngine(FaultyEngine, RoundedEngine):
    """Wrong and rounded. `levels` says by tap how far its rounding alone takes a planted step."""

    def __init__(self, model, planted, prompt_tokens, arithmetic):
        super().__init__(model, planted, prompt_tokens, arithmetic=arithmetic)
        self.exact = Engine(model)
        self.levels = {}

    def execute(self, step, values):
        output = self.rounding(super().execute(step, values))
        if step.tap in self.effects:
            exact = self.exact.execute(step, values)
            rounded = RoundedEngine.execute(self, step, values)
            self.levels[step.tap] = np.linalg.norm(rounded - exact) / np.linalg.norm(exact)
        return output
