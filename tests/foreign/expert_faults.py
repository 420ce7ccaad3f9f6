"""Faults of mixtures of experts: who is chosen, what of his matrices is read, and how he is weighted."""

import numpy as np

from tests.foreign.engine import sigmoid
from tests.foreign.planting import choices, fault, split_tap


@fault("softmax", choices("function", "sigmoid", "identity"))
def router_function(call, function):
    return sigmoid(call.inputs[0]) if function == "sigmoid" else call.inputs[0].copy()


def wrong_choices(engine, step):
    count = step.parameters["count"]
    return choices("rule", "one_late", "smallest", "first_ones") if count < engine.model.get("expert_count") else []


@fault("top_k", wrong_choices)
def router_choice(call, rule):
    count, width = call.step.parameters["count"], call.inputs[0].shape[1]
    if rule == "first_ones":
        return np.tile(np.arange(count), (call.rows, 1))
    ranked = call.run(count=width)
    return ranked[:, 1:count + 1] if rule == "one_late" else ranked[:, ::-1][:, :count]


def is_normalised(engine):
    return engine.model.architecture != "qwen2moe"


def weightings(engine, step):
    if step.operation == "normalize":
        return choices("rule", "not_normalised", "softmax_again")
    # gpt-oss takes the softmax of what is picked of the scores.
    if step.operation == "softmax":
        return choices("rule", "softmax_of_all") if step.tap.endswith("ffn_weights_norm") else []
    if step.inputs[0].endswith("ffn_router"):
        return []
    return choices("rule", "scores") if is_normalised(engine) else choices("rule", "scores", "normalised")


@fault("normalize pick softmax", weightings)
def router_weights(call, rule):
    if rule == "scores":
        return call.run(call.values[f"blk.{call.layer}.ffn_router"], call.inputs[1])
    if rule == "normalised":
        return call.engine.normalize(call.run())
    if rule == "softmax_of_all":
        probabilities = call.engine.softmax(call.values[f"blk.{call.layer}.ffn_router"])
        return call.engine.pick(probabilities, call.values[f"blk.{call.layer}.ffn_experts"])
    return call.inputs[0].copy() if rule == "not_normalised" else call.engine.softmax(call.inputs[0])


def layouts(engine, step):
    """Quantized blocks are not taken apart for a wrong order."""
    is_float = engine.model.tensors[step.parameters["weight"]].tensor_type.name in ("F32", "F16", "BF16")
    return choices("axis", "between", "fastest") if is_float else choices("axis", "between")


@fault("expert_linear head_linear", layouts)
def expert_layout(call, axis):
    right = call.engine.model.weight(call.step.parameters["weight"])
    experts, outputs, inputs = right.shape
    if axis == "between":
        return call.multiply(right.reshape(outputs, experts, inputs).swapaxes(0, 1))
    return call.multiply(np.moveaxis(right.reshape(outputs, inputs, experts), 2, 0))


@fault("expert_linear", choices("rule", "slot", "first", "next", "before"))
def expert_choice(call, rule):
    x, chosen = call.inputs
    count = len(call.engine.model.weight(call.step.parameters["weight"]))
    wrong = {"slot": np.tile(np.arange(chosen.shape[1]), (len(chosen), 1)), "first": chosen[:, :1] + 0 * chosen,
             "next": (chosen + 1) % count, "before": (chosen - 1) % count}[rule]
    return call.run(x, wrong)


@fault("weighted_sum", choices("weights", "sorted_by_expert", "none", "equal"))
def expert_sum(call, weights):
    x, right = call.inputs
    order = np.argsort(call.values[f"blk.{call.layer}.ffn_experts"], axis=1)
    wrong = {"sorted_by_expert": np.take_along_axis(right, order, axis=1), "none": np.ones_like(right),
             "equal": np.full_like(right, 1 / right.shape[1])}[weights]
    return call.run(x, wrong)


def other_counts(engine, step):
    used, experts = engine.model.get("expert_used_count"), engine.model.get("expert_count")
    return choices("count", *sorted({1, used - 1, used + 1, experts} - {0, used, experts + 1}))


@fault("weighted_sum", other_counts)
def experts_used(call, count):
    """What such an engine has of its slots has other widths, and is not in the dump."""
    engine = call.engine
    values = dict(call.values)
    for step in engine.steps():
        layer, name = split_tap(step.tap)
        if layer != call.layer or not name.startswith(("ffn_experts", "ffn_weights", "ffn_expert_")):
            continue
        parameters = {**step.parameters, "count": count} if step.operation == "top_k" else step.parameters
        values[step.tap] = getattr(engine, step.operation)(*(values[tap] for tap in step.inputs), **parameters)
        engine.hidden.add(step.tap)
    return engine.weighted_sum(*(values[tap] for tap in call.step.inputs))


@fault("sigmoid_gate", choices("rule", "missing", "no_sigmoid"))
def shared_expert_gate(call, rule):
    score, x = call.inputs
    return x.copy() if rule == "missing" else score * x
