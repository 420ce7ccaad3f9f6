"""The numpy engine with mistakes planted in it, each by its name.

    planted = [Planted("rope_pairing", layers={1}, names={"q_rope"})]
    engine = FaultyEngine(Model("model.gguf"), planted, prompt_tokens=16)
    taps = engine.run(tokens)      # what such an engine would dump
    engine.effects                 # how much each planted step differs from the right one on the same inputs

A fault is a function of the call of a step that gives the wrong output; FAULTS says at which steps it can live and with
which parameters. What the names mean is said at the functions.
"""

import math
from typing import Callable, NamedTuple

import numpy as np

from tests.foreign import attend, misread
from tests.foreign.engine import ACTIVATIONS, Engine, rope_frequencies, sigmoid


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
        """The right step with this weight."""
        if self.step.operation == "embed":
            return matrix[self.inputs[0]]
        bias = self.step.parameters["bias"]
        return self.inputs[0] @ matrix.T + (0 if bias is None else self.engine.model.weight(bias))

    def decoded(self):
        """[rows] whether the row is a decoded token, not one of the prompt."""
        return np.arange(self.rows) >= self.prompt_tokens


class FaultyEngine(Engine):
    def __init__(self, model, planted, prompt_tokens):
        super().__init__(model)
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


# Rotation and position.

@fault("rope")
def rope_pairing(call):
    other = {"neighbours": "halves", "halves": "neighbours"}
    return call.run(pairing=other[call.step.parameters["pairing"]])


def bases(engine, step):
    return unlike("base", engine.model.get("rope.freq_base", 10000.0), (10000.0, 500000.0, 1000000.0, 31415.0))


@fault("rope", bases)
def rope_base(call, base):
    frequencies, magnitude = rope_frequencies(call.engine.model, base=base)
    return call.run(frequencies=frequencies, magnitude=magnitude)


def plain_rope(engine, dimensions=None):
    dimensions = dimensions or engine.model.get("rope.dimension_count", engine.head_width)
    return engine.model.get("rope.freq_base", 10000.0) ** (-np.arange(0, dimensions, 2) / dimensions)


@fault("rope", lambda engine, step: [] if np.allclose(plain_rope(engine), step.parameters["frequencies"]) else [{}])
def rope_scaling_ignored(call):
    return call.run(frequencies=plain_rope(call.engine), magnitude=1)


@fault("rope", lambda engine, step: choices("power", 0, 2) if step.parameters["magnitude"] != 1 else [])
def rope_magnitude(call, power):
    return call.run(magnitude=call.step.parameters["magnitude"] ** power)


@fault("rope")
def rope_twice(call):
    return call.run(positions=2 * np.arange(call.rows))


@fault("rope")
def rope_missing(call):
    return call.inputs[0].copy()


@fault("rope")
def rope_inverse(call):
    return call.run(positions=-np.arange(call.rows))


def dimensions_for(engine, step):
    """Only where nothing scales the frequencies: what a scaling would become is the engine's own affair."""
    right = 2 * len(step.parameters["frequencies"])
    plain = np.allclose(plain_rope(engine), step.parameters["frequencies"])
    return unlike("dimensions", right, (engine.head_width // 2, engine.head_width)) if plain else []


@fault("rope", dimensions_for)
def rope_dimensions(call, dimensions):
    return call.run(frequencies=plain_rope(call.engine, dimensions))


@fault("rope", choices("offset", 1, -1, 7))
def position_offset(call, offset):
    return call.run(positions=np.arange(call.rows) + offset)


@fault("rope", choices("rule", "zero", "restart", "frozen", "+1", "-1"))
def decode_position(call, rule):
    right = np.arange(call.rows)
    wrong = {"zero": 0 * right, "restart": right - call.prompt_tokens, "frozen": 0 * right + call.prompt_tokens,
             "+1": right + 1, "-1": right - 1}[rule]
    return call.run(positions=np.where(call.decoded(), wrong, right))


def permutations(engine, step):
    if split_tap(step.tap)[1] not in ("q", "k"):
        return []
    heads, kv_heads = engine.heads["heads"], engine.heads["kv_heads"]
    own = heads if split_tap(step.tap)[1] == "q" else kv_heads
    # With every pair of rows its own run nothing moves.
    rows = own * engine.head_width
    return [{"direction": direction, "heads": count} for direction in ("to_halves", "to_neighbours")
            for count in sorted({own, heads}) if rows % count == 0 and rows // count > 2]


@fault("linear", permutations, everywhere=False)
def qk_permutation(call, direction, heads):
    runs = call.run().reshape(call.rows, heads, -1)
    shape = (2, -1) if direction == "to_neighbours" else (-1, 2)
    return runs.reshape(call.rows, heads, *shape).swapaxes(2, 3).reshape(call.rows, -1)


# Attention.

def grouped_heads(engine, step):
    return [{}] if engine.heads["heads"] > engine.heads["kv_heads"] > 1 else []


@fault("attention", grouped_heads)
def attention_heads_tiled(call):
    kv_heads = call.engine.heads["kv_heads"]
    return attend.attend(call, kv_head=lambda head: head % kv_heads)


def scales(engine, step):
    width, heads, d = engine.model.get("embedding_length"), engine.heads["heads"], engine.head_width
    right = step.parameters["scale"]
    usual = {1.0, 1 / d, width ** -0.5, (width / heads) ** -0.5, heads ** -0.5, right ** 2, 0.3 * right}
    return unlike("scale", right, sorted(usual))


@fault("attention", scales)
def attention_scale(call, scale):
    return call.run(scale=scale)


@fault("attention")
def attention_mask_absent(call):
    return attend.attend(call, visible=attend.causal(call) | attend.both_in_prompt(call))


@fault("attention", choices("sees", 1, -1))
def attention_mask_off_by_one(call, sees):
    """A token sees the next one too, where that is in its batch; or it does not see itself, but for the first."""
    distance = attend.distance(call.rows)
    if sees > 0:
        return attend.attend(call, visible=attend.windowed(call) | ((distance == -1) & attend.both_in_prompt(call)))
    return attend.attend(call, visible=attend.without_self(attend.windowed(call), np.arange(call.rows) > 0))


def windows(engine, step):
    if engine.window == 0:
        return []
    if step.parameters["window"] == 0:
        return [{"rule": "wrong_layers", "window": engine.window}]
    return [{"rule": "ignored", "window": 0}, {"rule": "off_by_one", "window": engine.window + 1},
            {"rule": "off_by_one", "window": engine.window - 1}]


@fault("attention", windows)
def attention_window(call, rule, window):
    return call.run(window=window)


@fault("attention", lambda engine, step: [{}] if step.parameters["soft_cap"] else [])
def attention_soft_cap(call):
    return call.run(soft_cap=0)


@fault("attention", choices("rule", "prompt_only", "not_newest", "overwritten"))
def attention_stale_cache(call, rule):
    """Of what a decoded token should see: the prompt and itself only; all but itself; or each decoded key lies where
    the last one of the prompt was."""
    own, key = np.eye(call.rows, dtype=bool), np.arange(call.rows)
    seen = {"prompt_only": own | (key < call.prompt_tokens), "not_newest": ~own,
            "overwritten": own | (key < call.prompt_tokens - 1)}[rule]
    return attend.attend(call, visible=attend.windowed(call) & (seen | ~call.decoded()[:, None]))


@fault("attention")
def attention_softmax_axis(call):
    return attend.attend(call, axis=0)


@fault("attention")
def attention_not_normalised(call):
    return attend.attend(call, normalised=False)


@fault("attention")
def attention_output_layout(call):
    heads = call.run().reshape(call.rows, call.engine.heads["heads"], -1)
    return heads.swapaxes(1, 2).reshape(call.rows, -1)


@fault("attention", lambda engine, step: choices("of", "keys", "values") if engine.heads["kv_heads"] > 1 else [])
def attention_shared_wrong(call, of):
    q, k, v = call.inputs
    first = {"keys": k, "values": v}[of].reshape(call.rows, call.engine.heads["kv_heads"], -1)[:, :1]
    shared = np.broadcast_to(first, (call.rows, call.engine.heads["kv_heads"], first.shape[2])).reshape(call.rows, -1)
    return call.run(q, shared if of == "keys" else k, shared if of == "values" else v)


@fault("attention")
def attention_v_is_k(call):
    q, k, _ = call.inputs
    return call.run(q, k, k)


@fault("linear", lambda engine, step: choices("rule", "dropped", "twice") if step.parameters["bias"] else [])
def bias(call, rule):
    offset = call.engine.model.weight(call.step.parameters["bias"])
    return call.run() + (offset if rule == "twice" else -offset)


def qk_norms(engine, step):
    if step.operation == "rms_norm":
        return choices("rule", "missing", "whole_vector") if step.parameters["group"] else []
    return [{"rule": "after_rope"}] if step.inputs[0].endswith("_norm") else []


@fault("rms_norm rope", qk_norms)
def qk_norm(call, rule):
    x = call.inputs[0]
    if rule == "missing":
        return x.copy()
    if rule == "whole_vector":
        weight = call.engine.model.weight(call.step.parameters["weight"])
        root = np.sqrt(np.mean(x * x, axis=1, keepdims=True) + call.step.parameters["epsilon"])
        return x / root * np.tile(weight, x.shape[1] // len(weight))
    # What such an engine has before the rotation is no value of the model.
    normed = call.step.inputs[0]
    call.engine.hidden.add(normed)
    norm = next(step for step in call.engine.steps() if step.tap == normed)
    return call.engine.rms_norm(call.run(call.values[norm.inputs[0]]), **norm.parameters)


# Norms.

def epsilons(engine, step):
    return ([{"epsilon": epsilon} for epsilon in (1e-5, 1e-6, 1e-8, 1e-12, 0.0, 1e-3, 3.7e-4)
             if not math.isclose(epsilon, step.parameters["epsilon"], rel_tol=1e-4)]
            + [{"epsilon": step.parameters["epsilon"], "place": "outside"}])


@fault("rms_norm", epsilons)
def norm_epsilon(call, epsilon, place="inside"):
    if place == "inside":
        return call.run(epsilon=epsilon)
    x, weight, _ = norm_parts(call)
    return (x / (np.sqrt(np.mean(x * x, axis=-1, keepdims=True)) + epsilon) * weight).reshape(call.rows, -1)


def norm_parts(call):
    """x [tokens, groups, group], the weight, epsilon"""
    x, parameters = call.inputs[0], call.step.parameters
    grouped = x.reshape(len(x), -1, parameters["group"] or x.shape[1])
    return grouped, call.engine.model.weight(parameters["weight"]), parameters["epsilon"]


@fault("rms_norm", choices("offset", 1, -1))
def norm_weight_offset(call, offset):
    x, weight, _ = norm_parts(call)
    return (call.run().reshape(x.shape) / weight * (weight + offset)).reshape(call.rows, -1)


@fault("rms_norm")
def norm_weight_ignored(call):
    x, weight, _ = norm_parts(call)
    return (call.run().reshape(x.shape) / weight).reshape(call.rows, -1)


@fault("rms_norm")
def norm_layer(call):
    x, weight, epsilon = norm_parts(call)
    centred = x - x.mean(axis=-1, keepdims=True)
    root = np.sqrt(np.mean(centred ** 2, axis=-1, keepdims=True) + epsilon)
    return (centred / root * weight).reshape(call.rows, -1)


@fault("rms_norm", lambda engine, step: [] if step.parameters["group"] else [{}], everywhere=False)
def norm_missing(call):
    return call.inputs[0].copy()


@fault("rms_norm")
def norm_sum(call):
    x, weight, epsilon = norm_parts(call)
    return (x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True) + epsilon) * weight).reshape(call.rows, -1)


def other_norms(engine, step):
    """The other norm of the block, that of the layer before, the final one."""
    right, (layer, name) = step.parameters["weight"], split_tap(step.tap)
    candidates = ["output_norm.weight"]
    if name in ("attn_norm", "ffn_norm"):
        candidates.append(f"blk.{layer}.{'ffn' if name == 'attn_norm' else 'attn'}_norm.weight")
    if layer:
        candidates.append(right.replace(f"blk.{layer}.", f"blk.{layer - 1}."))
    shape = engine.model.weight(right).shape
    return choices("tensor", *(tensor for tensor in candidates
                               if tensor != right and engine.model.weight(tensor).shape == shape))


@fault("rms_norm", other_norms, everywhere=False)
def norm_wrong_weight(call, tensor):
    return call.run(weight=tensor)


def before(tap):
    """Taps that an engine may take for the one of a block's input or middle."""
    layer, name = split_tap(tap)
    if layer is None or name not in ("attn_residual", "out"):
        return []
    branch, start = ("attn_out", "attn_norm") if name == "attn_residual" else ("ffn_out", "ffn_norm")
    earlier = [] if layer == 0 else [f"blk.{layer - 1}.{name}"]
    return [f"blk.{layer}.{branch}", f"blk.{layer}.{start}", *earlier]


@fault("rms_norm", lambda engine, step: choices("tap", *before(step.inputs[0])), everywhere=False)
def norm_wrong_input(call, tap):
    return call.run(call.values[tap])


# Scalars and residuals.

def embedding_factors(engine, step):
    root = math.sqrt(engine.model.get("embedding_length"))
    if step.operation == "scale":
        return choices("factor", 1.0, 1 / root)
    return choices("factor", root, 1 / root) if engine.model.architecture != "gemma2" else []


@fault("embed scale", embedding_factors)
def embedding_scale(call, factor):
    """The factor that the engine has, where the model has another or none."""
    return call.run(factor=factor) if call.step.operation == "scale" else factor * call.run()


@fault("add", choices("kept", "first", "second"), everywhere=False)
def residual_missing(call, kept):
    return call.inputs[0 if kept == "first" else 1].copy()


def residual_inputs(engine, step):
    layer, name = split_tap(step.tap)
    normed = f"blk.{layer}.{'attn_norm' if name == 'attn_residual' else 'ffn_norm'}"
    return choices("tap", normed, *before(step.inputs[0])[2:])


@fault("add", residual_inputs, everywhere=False)
def residual_wrong_input(call, tap):
    return call.values[tap] + call.inputs[1]


@fault("add", choices("of", "first", "second"), everywhere=False)
def residual_twice(call, of):
    return call.run() + call.inputs[0 if of == "first" else 1]


# Feed-forward.

@fault("gated_activation")
def gate_up_swapped(call):
    return call.run(*reversed(call.inputs))


FUNCTIONS = {
    **ACTIVATIONS,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "relu_squared": lambda x: np.maximum(x, 0) ** 2,
    "quick_gelu": lambda x: x * sigmoid(1.702 * x),
    "identity": lambda x: x,
}


@fault("gated_activation", lambda engine, step: choices("function", *(FUNCTIONS.keys() - {engine.activation})))
def activation_function(call, function):
    gate, up = call.inputs
    return FUNCTIONS[function](gate) * up


@fault("gated_activation")
def gate_product_missing(call):
    return call.run(call.inputs[0], 1)


# Weights.

@fault("linear embed")
def weight_transposed(call):
    """Flat data that is [outputs, inputs] read as [inputs, outputs]; for the table a token is an output."""
    right = call.engine.model.weight(call.step.parameters["weight"])
    return call.multiply(right.reshape(right.shape[::-1]).T)


def other_heads(engine, step):
    if step.parameters["weight"] != "output.weight":
        return []
    return choices("tensor", "token_embd.weight")


@fault("linear", other_heads)
def head_tensor(call, tensor):
    return call.run(weight=tensor)


def siblings(engine, step):
    """Tensors of the same shape beside this one, and in the layers before and after."""
    right, (layer, name) = step.parameters["weight"], split_tap(step.tap)
    if layer is None:
        return []
    beside = [other for group in (("attn_q", "attn_k", "attn_v"), ("ffn_gate", "ffn_up")) for other in group
              if right.split(".")[2] in group and other != right.split(".")[2]]
    names = [f"blk.{layer}.{other}.weight" for other in beside]
    names += [right.replace(f"blk.{layer}.", f"blk.{other}.") for other in (layer - 1, layer + 1)]
    shape = engine.model.weight(right).shape
    return choices("tensor", *(name for name in names
                               if name in engine.model.tensors and engine.model.weight(name).shape == shape))


@fault("linear", siblings, everywhere=False)
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

    FAULTS[name] = Fault(run, ("linear", "embed"), variants, True)


for misreading, (kinds, _, tried) in misread.MISREADINGS.items():
    add_misreading(misreading, kinds, tried)


def quantized(engine, step):
    """With rows of more than one block."""
    tensor = engine.model.tensors[step.parameters["weight"]]
    values = misread.BLOCK_VALUES.get(tensor.tensor_type.name, tensor.shape[0])
    return choices("of", "row", "tensor") if tensor.shape[0] > values else []


@fault("linear embed", quantized)
def only_first_block(call, of):
    weight = call.step.parameters["weight"]
    cut = call.engine.model.weight(weight).copy()
    cut[:, misread.BLOCK_VALUES[call.engine.model.tensors[weight].tensor_type.name]:] = 0
    if of == "tensor":
        cut[1:] = 0
    return call.multiply(cut)


def stale(engine, step):
    layer = split_tap(step.tap)[0]
    return choices("row", "before", "first") + ([{"layer": "before"}] if layer else [])


@fault("rms_norm linear rope attention gated_activation add", stale, everywhere=False)
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
    return np.where(np.abs(right) > 65504, np.sign(right) * limit, right)


@fault("rms_norm linear rope attention gated_activation", choices("factor", 2.0, 0.5, 1.37, -1.0), everywhere=False)
def scale(call, factor):
    return factor * call.run()
