"""The numpy engine with mistakes planted in it, each by its name.

    planted = [Planted("rope_pairing", layers={1}, names={"q_rope"})]
    engine = FaultyEngine(Model("model.gguf"), planted, prompt_tokens=16)
    taps = engine.run(tokens)      # what such an engine would dump
    engine.effects                 # how much each planted step differs from the right one on the same inputs

A fault is a function of the call of a step that gives the wrong output; FAULTS says at which steps it can live and with
which parameters. What the names mean is said at the functions. Here are the network's; weight_faults.py has the others.
"""

import math

import numpy as np

from tests.foreign import attend, expert_faults, weight_faults
from tests.foreign.engine import ACTIVATIONS, rope_frequencies, sigmoid
from tests.foreign.planting import FAULTS, FaultyEngine, Planted, choices, fault, split_tap, unlike

__all__ = ["FAULTS", "FaultyEngine", "Planted", "expert_faults", "split_tap", "weight_faults"]


# Rotation and position.

@fault("rope")
def rope_pairing(call):
    other = {"neighbours": "halves", "halves": "neighbours"}
    return call.run(pairing=other[call.step.parameters["pairing"]])


def base_of(engine, step):
    return engine.base_of(split_tap(step.tap)[0])


def bases(engine, step):
    return unlike("base", base_of(engine, step)[0], (10000.0, 500000.0, 1000000.0, 31415.0))


@fault("rope", bases)
def rope_base(call, base):
    frequencies, magnitude = rope_frequencies(call.engine.model, base, base_of(call.engine, call.step)[1])
    return call.run(frequencies=frequencies, magnitude=magnitude)


def other_layers(engine, step):
    """The bases of the layers that rotate by others."""
    every = {engine.base_of(block) for block in range(engine.model.get("block_count"))}
    return choices("base", *(base for base, _ in every - {base_of(engine, step)}))


@fault("rope", other_layers)
def rope_wrong_layers(call, base):
    every = map(call.engine.rotation, range(call.engine.model.get("block_count")))
    right = call.step.parameters["frequencies"]
    return call.run(**next(other for other in every if not np.array_equal(other["frequencies"], right)))


@fault("attention", lambda engine, step: [] if "rope" in step.inputs[0] or engine.latent else [{}])
def rope_everywhere(call):
    q, k, v = call.inputs
    rotation = call.engine.rotation(call.layer)
    return call.run(call.engine.rope(q, **rotation), call.engine.rope(k, **rotation), v)


def plain_rope(engine, step, dimensions=None):
    dimensions = dimensions or engine.model.get("rope.dimension_count", engine.head_width)
    return base_of(engine, step)[0] ** (-np.arange(0, dimensions, 2) / dimensions)


def scalings(engine, step):
    """YaRN's magnitude may be kept, and YaRN be taken for a linear scaling."""
    if np.allclose(plain_rope(engine, step), step.parameters["frequencies"]):
        return []
    return choices("rule", "ignored", "magnitude_kept", "linear") if step.parameters["magnitude"] != 1 else \
        choices("rule", "ignored")


@fault("rope", scalings)
def rope_scaling_ignored(call, rule):
    factor = call.engine.model.get("rope.scaling.factor") if rule == "linear" else 1
    magnitude = call.step.parameters["magnitude"] if rule == "magnitude_kept" else 1
    return call.run(frequencies=plain_rope(call.engine, call.step) / factor, magnitude=magnitude)


@fault("rope", lambda engine, step: choices("power", 0, 2) if step.parameters["magnitude"] != 1 else [])
def rope_magnitude(call, power):
    return call.run(magnitude=call.step.parameters["magnitude"] ** power)


@fault("rope", lambda engine, step: choices("magnitudes", 1, 2) if step.parameters["magnitude"] != 1 else [{}])
def rope_twice(call, magnitudes=1):
    return call.run(positions=2 * np.arange(call.rows), magnitude=call.step.parameters["magnitude"] ** magnitudes)


@fault("rope")
def rope_missing(call):
    return call.inputs[0].copy()


@fault("rope")
def rope_inverse(call):
    return call.run(positions=-np.arange(call.rows))


def dimensions_for(engine, step):
    """Only where nothing scales the frequencies: what a scaling would become is the engine's own affair."""
    right = 2 * len(step.parameters["frequencies"])
    plain = np.allclose(plain_rope(engine, step), step.parameters["frequencies"])
    widths = (engine.head_width // 2, engine.head_width)
    return unlike("dimensions", right, widths) if plain and not engine.latent else []


@fault("rope", dimensions_for)
def rope_dimensions(call, dimensions):
    return call.run(frequencies=plain_rope(call.engine, call.step, dimensions))


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
    if split_tap(step.tap)[1] not in ("q", "k") or engine.latent:
        return []
    heads, kv_heads = engine.heads["heads"], engine.heads["kv_heads"]
    own = heads if split_tap(step.tap)[1] == "q" else kv_heads
    # With every pair of rows its own run nothing moves.
    rows = own * engine.head_width
    counts = [count for count in sorted({own, heads}) if rows % count == 0 and rows // count > 2]
    return [{"direction": direction, "heads": count} for direction in ("to_halves", "to_neighbours")
            for count in counts] + [{"direction": "undone_wrongly", "heads": count} for count in counts if count != own]


def permuted(rows, direction, heads):
    shape = (2, -1) if direction == "to_neighbours" else (-1, 2)
    return rows.reshape(len(rows), heads, *shape).swapaxes(2, 3).reshape(len(rows), -1)


@fault("linear", permutations, everywhere=False)
def qk_permutation(call, direction, heads):
    """Undone wrongly: to halves with the right number of heads, and back with another."""
    own = call.engine.heads["heads" if call.name == "q" else "kv_heads"]
    if direction == "undone_wrongly":
        return permuted(permuted(call.run(), "to_halves", own), "to_neighbours", heads)
    return permuted(call.run(), direction, heads)


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
    usual = {1.0, 1 / d, width ** -0.5, (width / heads) ** -0.5, heads ** -0.5, 0.3 * right}
    return unlike("scale", right, sorted(usual))


@fault("attention", scales)
def attention_scale(call, scale):
    return call.run(scale=scale)


def absent_masks(engine, step):
    return choices("window", "absent", "kept") if step.parameters["window"] else [{}]


@fault("attention", absent_masks)
def attention_mask_absent(call, window="absent"):
    if window == "kept":
        near = attend.distance(call.rows) < call.step.parameters["window"]
        return attend.attend(call, visible=near & (attend.causal(call) | attend.both_in_prompt(call)))
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


@fault("attention", lambda engine, step: [{}] if step.parameters.get("sinks") else [])
def attention_sinks(call):
    return call.run(sinks=None)


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
    """Over the queries of a batch: the prompt's; a decoded token's one, so that all its weights are 1."""
    prompt = attend.attend(call, visible=attend.windowed(call) & attend.both_in_prompt(call), axis=0)
    alone = attend.attend(call, weigh=lambda scores: np.isfinite(scores).astype(float))
    return np.where(call.decoded()[:, None], alone, prompt)


@fault("attention")
def attention_not_normalised(call):
    return attend.attend(call, weigh=lambda scores: np.exp(scores - scores.max(axis=1, keepdims=True)))


@fault("attention", choices("order", "tokens, channels, heads", "heads, tokens, channels"))
def attention_output_layout(call, order):
    """The axes lie so where [tokens, heads, channels] is read; of a batch with one token heads come first anyway."""
    heads = call.run().reshape(call.rows, call.engine.heads["heads"], -1)
    if order == "tokens, channels, heads":
        return heads.swapaxes(1, 2).reshape(call.rows, -1)
    width = heads.shape[1] * heads.shape[2]
    prompt, decoded = heads[:call.prompt_tokens].swapaxes(0, 1), heads[call.prompt_tokens:]
    return np.concatenate([prompt.reshape(-1, width), decoded.reshape(-1, width)])


def shared_parts(engine, step):
    return choices("of", "keys", "values", "both") if engine.heads["kv_heads"] > 1 else []


@fault("attention", shared_parts)
def attention_shared_wrong(call, of):
    """Of the first key/value head for all query heads."""
    def first(x):
        heads = x.reshape(call.rows, call.engine.heads["kv_heads"], -1)
        return np.broadcast_to(heads[:, :1], heads.shape).reshape(x.shape)

    q, k, v = call.inputs
    return call.run(q, k if of == "values" else first(k), v if of == "keys" else first(v))


@fault("attention", lambda engine, step: [] if engine.latent else choices("keys", "rotated", "plain"))
def attention_v_is_k(call, keys):
    q, k, _ = call.inputs
    plain = f"blk.{call.layer}.k"
    return call.run(q, k, k if keys == "rotated" else call.values.get(plain + "_norm", call.values[plain]))


def parts_of_heads(engine, step):
    rules = []
    if step.operation == "joined_heads":
        return choices("rule", "swapped")
    if engine.latent.heads > 1:
        rules += choices("rule", "all_heads_together")
    return rules + choices("rule", "other_end")


@fault("part_of_heads joined_heads", parts_of_heads)
def head_parts(call, rule):
    """[all heads' first part, all heads' second] where each head has both, or its parts the other way round."""
    if rule == "swapped":
        return call.run(*call.inputs[::-1])
    channels, width = call.step.parameters["channels"], call.step.parameters["width"]
    count = channels.stop - channels.start
    if rule == "other_end":
        first = width - count - channels.start
        return call.run(channels=slice(first, first + count))
    heads = call.inputs[0].shape[1] // width
    return call.inputs[0][:, heads * channels.start:heads * channels.stop]


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
        others = ("ffn_norm", "post_attention_norm") if name == "attn_norm" else ("attn_norm",)
        candidates.append(next(tensor for other in others if engine.has(tensor := f"blk.{layer}.{other}.weight")))
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
        return choices("factor", 1.0, root ** 2, 1 / root) if step.tap == "embed_scaled" else []
    return choices("factor", root, 1 / root) if engine.embedding_scale == 1 else []


@fault("embed scale", embedding_factors)
def embedding_scale(call, factor):
    """The factor that the engine has, where the model has another or none."""
    return call.run(factor=factor) if call.step.operation == "scale" else factor * call.run()


def model_factors(engine, step):
    factor = step.parameters["factor"]
    return choices("factor", 1.0, factor ** 2, 1 / factor) if step.tap != "embed_scaled" else []


@fault("scale", model_factors)
def scale_of_model(call, factor):
    return call.run(factor=factor)


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


@fault("soft_cap")
def logits_soft_cap(call):
    return call.inputs[0].copy()


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


@fault("gated_activation", lambda engine, step: [{"function": name} for name in FUNCTIONS if name != engine.activation])
def activation_function(call, function):
    gate, up = call.inputs
    return FUNCTIONS[function](gate) * up


@fault("gated_activation")
def gate_product_missing(call):
    return call.run(call.inputs[0], 0 if call.engine.activation == "clamped_swiglu" else 1)
