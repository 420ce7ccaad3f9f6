"""The architectures llama, qwen2, qwen3, each with experts or without, and gemma2 in float64 with numpy, from the papers; shares
no code with src/.

    taps = Engine(Model("model.gguf")).run([1, 42, 7])
    taps["blk.0.q_rope"]        # [tokens, channels]

Touvron et al. 2023 (LLaMA): pre-normalised residual blocks of attention and a gated feed-forward.
Zhang and Sennrich 2019: RMSNorm.  Su et al. 2021: rotary embedding.  Shazeer 2020: SwiGLU.
Ainslie et al. 2023: grouped key/value heads.  Chen et al. 2023: linear position interpolation.  Peng et al. 2023: YaRN.
Yang et al. 2024 and 2025: Qwen 2 and 3.  Gemma Team 2024: Gemma 2.  Jiang et al. 2024: Mixtral.  Hendrycks and Gimpel 2016: GELU.

A model is written without a cache and without batches: all tokens of one text at once. An engine is
a list of steps and one method for each operation, so that a test can replace either.
"""

import math
from typing import NamedTuple

import gguf
import numpy as np

from tests.foreign import formats


class Model:
    """Metadata and tensors of a GGUF file. A matrix is [outputs, inputs], float64."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.metadata = {key: field.contents() for key, field in reader.fields.items()}
        self.architecture = self.metadata["general.architecture"]
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}
        self.decoded = {}

    def get(self, key, default=None):
        """The architecture's own metadata, for example get("block_count")."""
        value = self.metadata.get(f"{self.architecture}.{key}", default)
        assert value is not None, f"{self.architecture}.{key} is missing"
        return value

    def weight(self, name):
        """The tensor's values, or None when there is no such tensor."""
        if name not in self.decoded and name in self.tensors:
            tensor = self.tensors[name]
            # The file lists dimensions from the contiguous one upwards.
            shape = [int(length) for length in reversed(tensor.shape)]
            self.decoded[name] = formats.values(tensor.tensor_type.name, tensor.data).reshape(shape)
        return self.decoded.get(name)


def yarn_ramp(model, dimensions, base):
    """For each pair of a head, 1 where its rotation is fast and stays as it is, 0 where it is slow and is interpolated.

    Peng et al. 2023, section 3.2, with the ramp over the pair's index that the authors' code uses: it runs between the
    pairs that make beta_fast and beta_slow full turns over the original context.
    """
    length = model.get("rope.scaling.original_context_length", model.get("context_length"))

    def pair_with_turns(turns):
        return dimensions * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(base))

    low = max(0, math.floor(pair_with_turns(model.get("rope.scaling.yarn_beta_fast", 32.0))))
    high = min(dimensions - 1, math.ceil(pair_with_turns(model.get("rope.scaling.yarn_beta_slow", 1.0))))
    position = (np.arange(dimensions // 2) - low) / max(high - low, 0.001)
    return 1 - np.clip(position, 0, 1)


def rope_frequencies(model, base=None):
    """(radians a position for each pair of a head, factor of the rotated vectors)."""
    head_width = model.get("attention.key_length", model.get("embedding_length") // model.get("attention.head_count"))
    dimensions = model.get("rope.dimension_count", head_width)
    base = base or model.get("rope.freq_base", 10000.0)
    plain = base ** (-np.arange(0, dimensions, 2, dtype=np.float64) / dimensions)
    divisors = model.weight("rope_freqs.weight")
    if divisors is not None:
        plain = plain / divisors

    kind = model.get("rope.scaling.type", "linear")
    factor = model.get("rope.scaling.factor", model.get("rope.scale_linear", 1.0)) if kind != "none" else 1.0
    magnitude = model.get("rope.scaling.attn_factor", 1.0)
    interpolated = plain / factor
    if kind != "yarn":
        return interpolated, magnitude
    share = model.get("rope.scaling.yarn_ext_factor", 1.0)
    if share == 0:
        return interpolated, magnitude
    # Section 3.4: a temperature on the attention, given to q and k in equal parts.
    if factor > 1:
        magnitude *= 1 + 0.1 * math.log(factor)
        magnitude /= 1 + 0.1 * math.log(factor) * model.get("rope.scaling.yarn_log_multiplier", 0.0)
    ramp = share * yarn_ramp(model, dimensions, base)
    return interpolated * (1 - ramp) + plain * ramp, magnitude


def split_heads(x, head_width):
    """[tokens, heads * head_width] -> [tokens, heads, head_width]"""
    return x.reshape(len(x), -1, head_width)


def sigmoid(x):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


ACTIVATIONS = {
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3))) / 2,
}


class Step(NamedTuple):
    """One operation, the engine's method of that name: what it reads, and what it writes."""
    tap: str
    operation: str
    inputs: tuple
    parameters: dict


class Engine:
    """Runs a model: its steps one after another, each over all tokens.

    `pairing` says which channels of a head rotate together: "neighbours" (2 i, 2 i + 1), as GGUF files of llama have
    them, or "halves" (i, i + half).
    """

    def __init__(self, model, pairing=None):
        self.model = model
        gemma = model.architecture == "gemma2"
        heads = model.get("attention.head_count")
        self.head_width = model.get("attention.key_length", model.get("embedding_length") // heads)
        self.epsilon = model.get("attention.layer_norm_rms_epsilon")
        self.activation = "gelu_tanh" if gemma else "silu"
        frequencies, magnitude = rope_frequencies(model)
        pairing = pairing or ("neighbours" if model.architecture == "llama" else "halves")
        self.rotation = {"pairing": pairing, "frequencies": frequencies, "magnitude": magnitude,
                         "head_width": self.head_width}
        self.heads = {"heads": heads, "kv_heads": model.get("attention.head_count_kv", heads),
                      "scale": 1 / math.sqrt(self.attention_width(heads)),
                      "soft_cap": model.get("attn_logit_softcapping", 50.0) if gemma else 0}
        self.experts = model.get("expert_count", 0)
        self.window = model.get("attention.sliding_window", 4096) if gemma else 0

    def attention_width(self, heads):
        """What scores are divided by the square root of: the head's width, but for Gemma 2's largest model."""
        is_27b = self.model.architecture == "gemma2" and self.model.get("block_count") == 46
        return self.model.get("embedding_length") / heads if is_27b else self.head_width

    def run(self, tokens):
        """Every value by its tap, [tokens, channels]."""
        values = {"tokens": np.asarray(tokens)}
        for step in self.steps():
            values[step.tap] = self.execute(step, values)
        del values["tokens"]
        return values

    def execute(self, step, values):
        return getattr(self, step.operation)(*(values[tap] for tap in step.inputs), **step.parameters)

    def steps(self):
        gemma = self.model.architecture == "gemma2"
        x = "embed"
        yield Step(x, "embed", ("tokens",), {"weight": "token_embd.weight"})
        if gemma:
            yield Step("embed_scaled", "scale", (x,), {"factor": math.sqrt(self.model.get("embedding_length"))})
            x = "embed_scaled"
        for block in range(self.model.get("block_count")):
            yield from self.attention_steps(block, x)
            yield from self.feed_forward_steps(f"blk.{block}.")
            x = f"blk.{block}.out"
        yield self.norm_step("final_norm", x, "output_norm")
        logits = "logits_raw" if gemma else "logits"
        head = "output" if "output.weight" in self.model.tensors else "token_embd"
        yield self.linear_step(logits, "final_norm", head)
        if gemma:
            yield Step("logits", "soft_cap", (logits,), {"cap": self.model.get("final_logit_softcapping", 30.0)})

    def attention_steps(self, block, x):
        blk = f"blk.{block}."
        yield self.norm_step(blk + "attn_norm", x, blk + "attn_norm")
        for name in "qkv":
            yield self.linear_step(blk + name, blk + "attn_norm", f"{blk}attn_{name}")
        for name in "qk":
            rotated = blk + name
            if f"{blk}attn_{name}_norm.weight" in self.model.tensors:
                yield self.norm_step(f"{blk}{name}_norm", rotated, f"{blk}attn_{name}_norm", self.head_width)
                rotated = f"{blk}{name}_norm"
            yield Step(f"{blk}{name}_rope", "rope", (rotated,), self.rotation)
        # Gemma 2 sees a window in every other layer, beginning with the first.
        window = self.window if block % 2 == 0 else 0
        yield Step(blk + "attn", "attention", (blk + "q_rope", blk + "k_rope", blk + "v"),
                   {**self.heads, "window": window})
        yield self.linear_step(blk + "attn_out", blk + "attn", blk + "attn_output")
        yield from self.residual_steps(blk + "attn_residual", x, blk + "attn_out", blk + "attn_post_norm",
                                       blk + "post_attention_norm")

    def feed_forward_steps(self, blk):
        yield self.norm_step(blk + "ffn_norm", blk + "attn_residual", blk + "ffn_norm")
        if self.experts:
            yield from self.expert_steps(blk)
            return
        yield self.linear_step(blk + "ffn_gate", blk + "ffn_norm", blk + "ffn_gate")
        yield self.linear_step(blk + "ffn_up", blk + "ffn_norm", blk + "ffn_up")
        yield Step(blk + "ffn_act", "gated_activation", (blk + "ffn_gate", blk + "ffn_up"),
                   {"function": self.activation})
        yield self.linear_step(blk + "ffn_out", blk + "ffn_act", blk + "ffn_down")
        yield from self.residual_steps(blk + "out", blk + "attn_residual", blk + "ffn_out", blk + "ffn_post_norm",
                                       blk + "post_ffw_norm")

    def expert_steps(self, blk):
        x, chosen = blk + "ffn_norm", blk + "ffn_experts"
        shares = self.model.architecture == "qwen2moe"
        yield self.linear_step(blk + "ffn_router", x, blk + "ffn_gate_inp")
        yield Step(blk + "ffn_router_probs", "softmax", (blk + "ffn_router",), {})
        yield Step(chosen, "top_k", (blk + "ffn_router_probs",), {"count": self.model.get("expert_used_count")})
        yield Step(blk + "ffn_weights", "pick", (blk + "ffn_router_probs", chosen), {})
        weights = blk + "ffn_weights"
        if not shares:
            weights = blk + "ffn_weights_norm"
            yield Step(weights, "normalize", (blk + "ffn_weights",), {})
        for name in ("gate", "up"):
            yield self.expert_step(f"{blk}ffn_expert_{name}", x, chosen, f"{blk}ffn_{name}_exps")
        yield Step(blk + "ffn_expert_act", "gated_activation", (blk + "ffn_expert_gate", blk + "ffn_expert_up"),
                   {"function": self.activation})
        yield self.expert_step(blk + "ffn_expert_out", blk + "ffn_expert_act", chosen, blk + "ffn_down_exps")
        routed = blk + ("ffn_routed" if shares else "ffn_out")
        yield Step(routed, "weighted_sum", (blk + "ffn_expert_out", weights), {})
        if shares:
            yield from self.shared_expert_steps(blk)
            yield Step(blk + "ffn_out", "add", (routed, blk + "ffn_shared_gated"), {})
        yield from self.residual_steps(blk + "out", blk + "attn_residual", blk + "ffn_out", blk + "ffn_post_norm",
                                       blk + "post_ffw_norm")

    def shared_expert_steps(self, blk):
        yield self.linear_step(blk + "ffn_shared_router", blk + "ffn_norm", blk + "ffn_gate_inp_shexp")
        for name in ("gate", "up"):
            yield self.linear_step(f"{blk}ffn_shared_{name}", blk + "ffn_norm", f"{blk}ffn_{name}_shexp")
        yield Step(blk + "ffn_shared_act", "gated_activation", (blk + "ffn_shared_gate", blk + "ffn_shared_up"),
                   {"function": self.activation})
        yield self.linear_step(blk + "ffn_shared_out", blk + "ffn_shared_act", blk + "ffn_down_shexp")
        yield Step(blk + "ffn_shared_gated", "sigmoid_gate", (blk + "ffn_shared_router", blk + "ffn_shared_out"), {})

    def residual_steps(self, tap, x, branch, norm_tap, norm):
        """x + branch; a branch with a norm of its own goes through it first."""
        if norm + ".weight" in self.model.tensors:
            yield self.norm_step(norm_tap, branch, norm)
            branch = norm_tap
        yield Step(tap, "add", (x, branch), {})

    def norm_step(self, tap, x, name, group=None):
        return Step(tap, "rms_norm", (x,), {"weight": name + ".weight", "epsilon": self.epsilon, "group": group})

    def linear_step(self, tap, x, name):
        bias = name + ".bias" if name + ".bias" in self.model.tensors else None
        return Step(tap, "linear", (x,), {"weight": name + ".weight", "bias": bias})

    def expert_step(self, tap, x, chosen, name):
        bias = name + ".bias" if name + ".bias" in self.model.tensors else None
        return Step(tap, "expert_linear", (x, chosen), {"weight": name + ".weight", "bias": bias})

    def embed(self, tokens, weight):
        return self.model.weight(weight)[tokens]

    def rms_norm(self, x, weight, epsilon, group):
        """Over the whole vector, or over every `group` channels."""
        grouped = x.reshape(len(x), -1, group or x.shape[1])
        root = np.sqrt(np.mean(grouped * grouped, axis=-1, keepdims=True) + epsilon)
        return (grouped / root * self.model.weight(weight)).reshape(x.shape)

    def activations(self, x, weight):
        """What the product with a weight reads of x."""
        return x

    def linear(self, x, weight, bias):
        y = self.activations(x, weight) @ self.model.weight(weight).T
        return y if bias is None else y + self.model.weight(bias)

    def rope(self, x, pairing, frequencies, magnitude, head_width, positions=None):
        """Rotates every pair of channels by its frequency times the position; further channels stay as they are."""
        heads = split_heads(x, head_width)
        positions = np.arange(len(x)) if positions is None else positions
        angles = positions[:, None, None] * frequencies
        cosine, sine = magnitude * np.cos(angles), magnitude * np.sin(angles)
        pairs = len(frequencies)
        if pairing == "neighbours":
            first, second = slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)
        else:
            first, second = slice(0, pairs), slice(pairs, 2 * pairs)
        rotated = heads.copy()
        rotated[..., first] = heads[..., first] * cosine - heads[..., second] * sine
        rotated[..., second] = heads[..., first] * sine + heads[..., second] * cosine
        return rotated.reshape(x.shape)

    def attention(self, q, k, v, heads, kv_heads, scale, soft_cap, window):
        """Each token looks at itself and what came before, `window` tokens in all; query heads share key/value heads in
        runs."""
        q, k, v = (split_heads(x, x.shape[1] // count) for x, count in ((q, heads), (k, kv_heads), (v, kv_heads)))
        distance = np.arange(len(q))[:, None] - np.arange(len(q))
        visible = (distance >= 0) & (distance < (window or len(q)))
        attended = np.empty((len(q), heads, v.shape[2]))
        for head in range(heads):
            kv_head = head // (heads // kv_heads)
            scores = scale * (q[:, head] @ k[:, kv_head].T)
            if soft_cap:
                scores = self.soft_cap(scores, soft_cap)
            scores = np.where(visible, scores, -np.inf)
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)
            attended[:, head] = weights @ v[:, kv_head]
        return attended.reshape(len(q), -1)

    def gated_activation(self, gate, up, function):
        return ACTIVATIONS[function](gate) * up

    def softmax(self, x):
        raised = np.exp(x - x.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)

    def top_k(self, x, count):
        """The largest first; a stable sort leaves equal ones in the order of their indices."""
        return np.argsort(-x, axis=1, kind="stable")[:, :count]

    def pick(self, x, indices):
        return np.take_along_axis(x, indices.astype(int), axis=1)

    def normalize(self, x):
        return x / x.sum(axis=1, keepdims=True)

    def expert_linear(self, x, chosen, weight, bias):
        return self.multiply_experts(x, chosen, self.model.weight(weight), weight, bias)

    def multiply_experts(self, x, chosen, matrices, weight, bias):
        """One product for each token and each expert that it chose, one after another."""
        vectors = self.activations(x, weight).reshape(len(x), -1, matrices.shape[2])
        rows = []
        for token, experts in enumerate(chosen.astype(int)):
            products = [matrices[expert] @ vectors[token, slot if vectors.shape[1] > 1 else 0]
                        + (0 if bias is None else self.model.weight(bias)[expert])
                        for slot, expert in enumerate(experts)]
            rows.append(np.concatenate(products))
        return np.array(rows)

    def weighted_sum(self, x, weights):
        return np.einsum("tsc,ts->tc", x.reshape(len(x), weights.shape[1], -1), weights)

    def sigmoid_gate(self, score, x):
        return sigmoid(score) * x

    def add(self, a, b):
        return a + b

    def scale(self, x, factor):
        return x * factor

    def soft_cap(self, x, cap):
        return cap * np.tanh(x / cap)
