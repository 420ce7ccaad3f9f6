"""Faults of weights and of numbers: tensors mistaken for others or read wrongly, stale values, overflow."""

import math

import numpy as np

from tests.foreign import misread
from tests.foreign.planting import FAULTS, Fault, choices, fault, split_tap


@fault("linear embed expert_linear head_linear")
def weight_transposed(call):
    """Flat data that is [outputs, inputs] read as [inputs, outputs]; for the table a token is an output."""
    right = call.engine.model.weight(call.step.parameters["weight"])
    *experts, outputs, inputs = right.shape
    return call.multiply(right.reshape(*experts, inputs, outputs).swapaxes(-1, -2))


def other_heads(engine, step):
    """The table for the head, or the head for the table."""
    other = {"output.weight": "token_embd.weight", "token_embd.weight": "output.weight"}
    tensor = other.get(step.parameters["weight"])
    return choices("tensor", tensor) if tensor in engine.model.tensors else []


@fault("linear embed", other_heads, everywhere=False)
def head_tensor(call, tensor):
    return call.run(weight=tensor)


def siblings(engine, step):
    """Tensors of the same shape beside this one, and in the layers before and after."""
    right, (layer, name) = step.parameters["weight"], split_tap(step.tap)
    if layer is None:
        return []
    beside = [other for group in (("attn_q", "attn_k", "attn_v"), ("ffn_gate", "ffn_up"), ("ffn_gate_exps", "ffn_up_exps"),
                                ("ffn_gate_shexp", "ffn_up_shexp")) for other in group
              if right.split(".")[2] in group and other != right.split(".")[2]]
    names = [f"blk.{layer}.{other}.weight" for other in beside]
    names += [right.replace(f"blk.{layer}.", f"blk.{other}.") for other in (layer - 1, layer + 1)]
    shape = engine.model.weight(right).shape
    return choices("tensor", *(name for name in names
                               if name in engine.model.tensors and engine.model.weight(name).shape == shape))


@fault("linear expert_linear", siblings, everywhere=False)
def wrong_tensor(call, tensor):
    return call.multiply(call.engine.model.weight(tensor))


@fault("embed", choices("offset", 1, -1))
def embedding_row(call, offset):
    table = call.engine.model.weight(call.step.parameters["weight"])
    return table[np.clip(call.inputs[0] + offset, 0, len(table) - 1)]


def add_misreading(name, types, parameters):
    def variants(engine, step):
        kind = engine.model.tensors[step.parameters["weight"]].tensor_type.name
        return [p for p in parameters if kind in types and misread.possible(name, kind, p)]

    def run(call, **given):
        weight = call.step.parameters["weight"]
        tensor = call.engine.model.tensors[weight]
        values = misread.misread(name, tensor.tensor_type.name, tensor.data, given)
        return call.multiply(values.reshape(call.engine.model.weight(weight).shape))

    FAULTS[name] = Fault(run, ("linear", "embed", "expert_linear"), variants, True)


for misreading, (kinds, _, tried) in misread.MISREADINGS.items():
    add_misreading(misreading, kinds, tried)


def quantized(engine, step):
    """With rows of more than one block."""
    tensor = engine.model.tensors[step.parameters["weight"]]
    values = misread.BLOCK_VALUES.get(tensor.tensor_type.name, tensor.shape[0])
    return choices("of", "row", "tensor") if tensor.shape[0] > values else []


@fault("linear embed expert_linear", quantized)
def only_first_block(call, of):
    weight = call.step.parameters["weight"]
    cut = call.engine.model.weight(weight).copy()
    rows = cut.reshape(-1, cut.shape[-1])
    rows[:, misread.BLOCK_VALUES[call.engine.model.tensors[weight].tensor_type.name]:] = 0
    if of == "tensor":
        rows[1:] = 0
    return call.multiply(cut)


def stale(engine, step):
    layer, name = split_tap(step.tap)
    # Behind leading blocks without experts these have none in the layer before.
    has_before = layer and not (layer == engine.dense_blocks and name.startswith("ffn_"))
    return choices("row", "before", "first") + ([{"layer": "before"}] if has_before else [])


@fault("rms_norm linear rope attention gated_activation add expert_linear weighted_sum", stale, everywhere=False)
def stale_value(call, row=None, layer=None):
    """The output is that of the row before, of the first row, or of the same step in the layer before."""
    if layer:
        return call.values[call.step.tap.replace(f"blk.{call.layer}.", f"blk.{call.layer - 1}.")].copy()
    rows = np.arange(call.rows)
    return call.run()[np.maximum(rows - 1, 0) if row == "before" else 0 * rows]


@fault("linear", lambda engine, step: choices("offset", -1, 1) if step.tap == "logits" else [])
def logits_row(call, offset):
    return call.run()[np.clip(np.arange(call.rows) + offset, 0, call.rows - 1)]


# Numbers.

@fault("rms_norm linear rope attention gated_activation add embed", choices("becomes", "inf", "65504"))
def f16_overflow(call, becomes):
    right = call.run()
    limit = math.inf if becomes == "inf" else 65504
    return np.where(np.abs(right) > 65504, np.copysign(limit, right), right)


@fault("rms_norm linear rope attention gated_activation expert_linear weighted_sum", choices("factor", 2.0, 0.5, 1.37, -1.0), everywhere=False)
def scale(call, factor):
    return factor * call.run()
