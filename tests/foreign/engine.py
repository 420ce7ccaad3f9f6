"""The architectures of FAMILIES in float64 with numpy, from the papers; shares no code with src/.

    taps = Engine(Model("model.gguf")).run([1, 42, 7])
    taps["blk.0.q_rope"]        # [tokens, channels]

Touvron et al. 2023 (LLaMA): pre-normalised residual blocks of attention and a gated feed-forward.
Zhang and Sennrich 2019: RMSNorm.  Su et al. 2021: rotary embedding.  Shazeer 2020: SwiGLU.
Ainslie et al. 2023: grouped key/value heads.  Chen et al. 2023: linear position interpolation.  Peng et al. 2023: YaRN.
Yang et al. 2024 and 2025: Qwen 2 and 3.  Gemma Team 2024 and 2025: Gemma 2 and 3.  Hendrycks and Gimpel 2016: GELU.
Jiang et al. 2024: Mixtral.  Abdin et al. 2024: Phi-3.  Ding et al. 2024: LongRoPE.
OLMo et al. 2024 and 2025: OLMo 2 and 3.  Granite Team 2024: Granite 3.  OpenAI 2025: gpt-oss.
Bakouch et al. 2025: SmolLM3.  Lozhkov et al. 2024: StarCoder 2.  Ba et al. 2016: LayerNorm.  GLM Team 2024: GLM-4.
Baidu 2025: ERNIE 4.5.  Cohere 2024 and 2025: Command R and A.
DeepSeek-AI 2024: V2 and V3 (attention in latent.py).

A model is written without a cache and without batches: all tokens of one text at once. An engine is
a list of steps and one method for each operation, so that a test can replace either.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import gguf
import numpy as np

from tests.foreign import formats
from tests.foreign.latent import LatentAttention


class Model:
    """Metadata and tensors of a GGUF file. A matrix is [outputs, inputs], float64.

    `context` is how many positions are asked for, which Phi-3's rotation depends on; 0: no more than it was first trained on.
    """

    def __init__(self, path, context=0):
        self.context = context
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


def rope_frequencies(model, base=None, scaled=True):
    """(radians a position for each pair of a head, factor of the rotated vectors)."""
    head_width = model.get("attention.key_length", model.get("embedding_length") // model.get("attention.head_count"))
    dimensions = model.get("rope.dimension_count", head_width)
    base = base or model.get("rope.freq_base", 10000.0)
    plain = base ** (-np.arange(0, dimensions, 2, dtype=np.float64) / dimensions)
    if not scaled:
        return plain, 1.0
    # Phi-3's files have two sets of divisors, for contexts within the original one and beyond.
    is_long = model.context > model.get("rope.scaling.original_context_length", model.get("context_length"))
    divisors = model.weight(f"rope_factors_{'long' if is_long else 'short'}.weight" if model.architecture == "phi3"
                            else "rope_freqs.weight")
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
    # Section 3.4: a temperature on the attention, given to q and k in equal parts. DeepSeek's is all on the scores.
    if factor > 1:
        multiplier = model.get("rope.scaling.yarn_log_multiplier", 0.0)
        if model.architecture == "deepseek2" and multiplier:
            multiplier = 1
        magnitude *= 1 + 0.1 * math.log(factor)
        magnitude /= 1 + 0.1 * math.log(factor) * multiplier
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


class Family(NamedTuple):
    """How the models of an architecture differ from LLaMA. What a tensor of its own shows (norms, biases) is not here."""
    pairing: str = "halves"
    activation: str = "silu"
    has_gate: bool = True
    gate_in_up: bool = False  # ffn_up holds the gate's rows, then its own
    is_windowed: Callable = lambda block: False
    is_rotated: Callable = lambda block: True
    is_parallel: bool = False  # the feed-forward part reads what attention reads
    has_plain_windows: bool = False  # windowed layers turn by frequencies without a scaling
    window_base: float = 0  # theirs; 0: that of the others
    window: int = 0  # where a file does not say


# Gemma 2 and gpt-oss alternate, beginning with a window; Gemma 3 has five windowed layers before each one that sees all,
# OLMo 3 three. SmolLM3 rotates in three layers of four; of Cohere 2 these three are windowed.
FAMILIES = {
    "llama": Family("neighbours"),
    "qwen2": Family(),
    "qwen2moe": Family(),
    "qwen3": Family(),
    "qwen3moe": Family(),
    "gemma2": Family(activation="gelu_tanh", is_windowed=lambda block: block % 2 == 0, window=4096),
    "gemma3": Family(activation="gelu_tanh", is_windowed=lambda block: block % 6 < 5, has_plain_windows=True,
                     window_base=10000.0),
    "phi3": Family(gate_in_up=True, is_windowed=lambda block: True),
    "olmo2": Family(is_windowed=lambda block: block % 4 < 3, has_plain_windows=True),
    "granite": Family("neighbours"),
    "granitemoe": Family("neighbours"),
    "smollm3": Family("neighbours", is_rotated=lambda block: block % 4 != 3),
    "mistral3": Family("neighbours"),
    "glm4": Family("neighbours", gate_in_up=True),
    "ernie4_5": Family("neighbours"),
    "command-r": Family("neighbours", is_parallel=True),
    "cohere2": Family("neighbours", is_parallel=True, is_rotated=lambda block: block % 4 != 3,
                      is_windowed=lambda block: block % 4 != 3),
    "starcoder2": Family(activation="gelu_tanh", has_gate=False),
    "deepseek2": Family("neighbours"),
    "gpt-oss": Family(activation="clamped_swiglu", is_windowed=lambda block: block % 2 == 0, window=128),
}


class Engine:
    """Runs a model: its steps one after another, each over all tokens.

    `pairing` says which channels of a head rotate together: "neighbours" (2 i, 2 i + 1), as GGUF files of llama have
    them, or "halves" (i, i + half).
    """

    def __init__(self, model, pairing=None):
        self.model = model
        self.family = FAMILIES[model.architecture]
        heads = model.get("attention.head_count")
        self.head_width = model.get("attention.key_length", model.get("embedding_length") // heads)
        # The model's own factors; those of Gemma are in no file.
        gemma = model.architecture.startswith("gemma")
        self.embedding_scale = math.sqrt(model.get("embedding_length")) if gemma else self.factor("embedding_scale")
        self.residual_scale = self.factor("residual_scale")
        self.logit_scale = 1 / self.factor("logit_scale")
        if self.family.is_parallel:
            self.logit_scale = model.get("logit_scale", 1.0)
        self.logit_cap = model.get("final_logit_softcapping", 30.0 if model.architecture == "gemma2" else 0.0)
        self.activation = self.family.activation
        self.pairing = pairing or self.family.pairing
        self.heads = {"heads": heads, "kv_heads": model.get("attention.head_count_kv", heads),
                      "scale": self.factor("attention.scale", 1 / math.sqrt(self.attention_width(heads))),
                      "soft_cap": model.get("attn_logit_softcapping", 50.0) if model.architecture == "gemma2" else 0}
        # Granite says so by this key, which of other families is about their training.
        self.is_unrotated = not self.factor("rope.scaling.finetuned", True)
        self.experts = model.get("expert_count", 0)
        self.dense_blocks = model.get("leading_dense_block_count", 0)
        self.latent = LatentAttention(model) if model.architecture == "deepseek2" else None
        self.window = 0
        if any(self.family.is_windowed(block) for block in range(model.get("block_count"))):
            self.window = model.get("attention.sliding_window", self.family.window)

    def factor(self, key, default=1.0):
        return self.model.get(key, default) if self.model.architecture.startswith("granite") else default

    def attention_width(self, heads):
        """What scores are divided by the square root of: the head's width, but for the largest models of Gemma 2 and 3."""
        is_27b = (self.model.architecture, self.model.get("block_count")) in (("gemma2", 46), ("gemma3", 62))
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

    def has(self, tensor):
        return tensor in self.model.tensors

    def steps(self):
        """With the factors that matrices have in tensors of their own."""
        for step in self.plain_steps():
            scale = step.parameters.get("weight", "").removesuffix("weight") + "scale"
            if step.operation != "linear" or not self.has(scale):
                yield step
                continue
            yield step._replace(tap=step.tap + "_unscaled")
            yield Step(step.tap, "scale", (step.tap + "_unscaled",), {"factor": self.model.weight(scale)[0]})

    def plain_steps(self):
        x = "embed"
        yield Step(x, "embed", ("tokens",), {"weight": "token_embd.weight"})
        if self.embedding_scale != 1:
            yield Step("embed_scaled", "scale", (x,), {"factor": self.embedding_scale})
            x = "embed_scaled"
        for block in range(self.model.get("block_count")):
            yield from self.attention_steps(block, x)
            yield from self.feed_forward_steps(f"blk.{block}.")
            x = f"blk.{block}.out"
        yield self.norm_step("final_norm", x, "output_norm")
        raw = "logits" if self.logit_scale == 1 and not self.logit_cap else "logits_raw"
        yield self.linear_step(raw, "final_norm", "output" if self.has("output.weight") else "token_embd")
        if self.logit_scale != 1:
            yield Step("logits", "scale", (raw,), {"factor": self.logit_scale})
        if self.logit_cap:
            yield Step("logits", "soft_cap", (raw,), {"cap": self.logit_cap})

    def window_of(self, block):
        return self.window if self.family.is_windowed(block) else 0

    def base_of(self, block):
        """(base of the rotation's frequencies, whether they are scaled)"""
        base = self.model.get("rope.freq_base", 10000.0)
        if not (self.family.has_plain_windows and self.window_of(block)):
            return base, True
        return self.model.get("rope.freq_base_swa", self.family.window_base) if self.family.window_base else base, False

    def rotation(self, block):
        frequencies, magnitude = rope_frequencies(self.model, *self.base_of(block))
        return {"pairing": self.pairing, "frequencies": frequencies, "magnitude": magnitude,
                "head_width": self.head_width}

    def projections(self, blk, x):
        """q, k and v: of a tensor each, or of one that has their rows one after another."""
        widths = [self.heads[count] * self.head_width for count in ("heads", "kv_heads", "kv_heads")]
        for name, width, end in zip("qkv", widths, np.cumsum(widths)):
            if self.has(f"{blk}attn_{name}.weight"):
                yield self.linear_step(blk + name, x, f"{blk}attn_{name}")
            else:
                yield self.linear_step(blk + name, x, blk + "attn_qkv", slice(end - width, end))

    def attention_steps(self, block, x):
        blk = f"blk.{block}."
        read = x
        if self.has(blk + "attn_norm.weight"):
            read = blk + "attn_norm"
            yield self.norm_step(read, x, blk + "attn_norm")
        if self.latent:
            for step in self.latent.steps(self, block, read):
                yield Step(*step)
        else:
            yield from self.head_steps(block, read)
        yield self.linear_step(blk + "attn_out", blk + "attn", blk + "attn_output")
        post_norm = "" if self.model.architecture == "gpt-oss" else blk + "post_attention_norm"
        yield from self.residual_steps(blk + "attn_residual", x, blk + "attn_out", blk + "attn", post_norm)

    def head_steps(self, block, read):
        blk = f"blk.{block}."
        yield from self.projections(blk, read)
        inputs = []
        for name in "qk":
            value = blk + name
            if self.has(f"{blk}attn_{name}_norm.weight"):
                # OLMo 2 norms all heads together, the others each by itself.
                group = None if self.model.architecture == "olmo2" else self.head_width
                yield self.norm_step(f"{blk}{name}_norm", value, f"{blk}attn_{name}_norm", group)
                value = f"{blk}{name}_norm"
            if self.family.is_rotated(block) and not self.is_unrotated:
                yield Step(f"{blk}{name}_rope", "rope", (value,), self.rotation(block))
                value = f"{blk}{name}_rope"
            growth = self.model.get("attention.temperature_scale", 0.0)
            if name == "q" and growth and self.model.architecture == "mistral3":
                length = self.model.get("rope.scaling.original_context_length", self.model.get("context_length"))
                yield Step(blk + "q_scaled", "position_scale", (value,), {"growth": growth, "length": length})
                value = blk + "q_scaled"
            inputs.append(value)
        sinks = {"sinks": blk + "attn_sinks.weight"} if self.has(blk + "attn_sinks.weight") else {}
        yield Step(blk + "attn", "attention", (*inputs, blk + "v"),
                   {**self.heads, "window": self.window_of(block), **sinks})

    def feed_forward_steps(self, blk):
        x = read = blk + "attn_residual"
        # gpt-oss names it after what stands before it.
        norm = blk + ("post_attention_norm" if self.model.architecture == "gpt-oss" else "ffn_norm")
        if self.has(norm + ".weight"):
            read = blk + "ffn_norm"
            yield self.norm_step(read, x, norm)
        elif self.family.is_parallel:
            read = blk + "attn_norm"
        if self.experts and int(blk.split(".")[1]) >= self.dense_blocks:
            yield from self.expert_steps(blk)
            return
        width = self.model.get("feed_forward_length")
        if self.family.gate_in_up:
            yield self.linear_step(blk + "ffn_gate", read, blk + "ffn_up", slice(0, width))
            yield self.linear_step(blk + "ffn_up", read, blk + "ffn_up", slice(width, 2 * width))
        else:
            if self.family.has_gate:
                yield self.linear_step(blk + "ffn_gate", read, blk + "ffn_gate")
            yield self.linear_step(blk + "ffn_up", read, blk + "ffn_up")
        branches = ("ffn_gate", "ffn_up") if self.family.has_gate else ("ffn_up",)
        yield Step(blk + "ffn_act", "gated_activation", tuple(blk + name for name in branches),
                   {"function": self.activation})
        yield self.linear_step(blk + "ffn_out", blk + "ffn_act", blk + "ffn_down")
        yield from self.residual_steps(blk + "out", x, blk + "ffn_out", blk + "ffn", blk + "post_ffw_norm")

    def expert_steps(self, blk):
        x, chosen = blk + "ffn_norm", blk + "ffn_experts"
        shares = self.has(blk + "ffn_gate_shexp.weight")
        yield self.linear_step(blk + "ffn_router", x, blk + "ffn_gate_inp")
        scores, weights = blk + "ffn_router", blk + "ffn_weights"
        is_gpt_oss = self.model.architecture == "gpt-oss"
        if not is_gpt_oss:
            scores = blk + "ffn_router_probs"
            function = "sigmoid" if self.model.get("expert_gating_func", 1) == 2 else "softmax"
            yield Step(scores, function, (blk + "ffn_router",), {})
        judged = scores
        if self.has(blk + "exp_probs_b.bias"):
            judged = blk + "ffn_router_biased"
            yield Step(judged, "add_bias", (scores,), {"bias": blk + "exp_probs_b.bias"})
        groups = {key: self.model.get(f"expert_group_{key}", 1) for key in ("count", "used_count")}
        yield Step(chosen, "top_k", (judged,), {"count": self.model.get("expert_used_count"), **({} if groups["count"] == 1 else
                                                {"groups": groups["count"], "used_groups": groups["used_count"]})})
        yield Step(weights, "pick", (scores, chosen), {})
        if self.model.get("expert_weights_norm", self.model.architecture not in ("qwen2moe", "deepseek2")):
            weights = blk + "ffn_weights_norm"
            yield Step(weights, "softmax" if is_gpt_oss else "normalize", (blk + "ffn_weights",), {})
        if self.model.get("expert_weights_scale", 1.0) != 1:
            yield Step(blk + "ffn_weights_scaled", "scale", (weights,), {"factor": self.model.get("expert_weights_scale")})
            weights = blk + "ffn_weights_scaled"
        for name in ("gate", "up"):
            yield self.expert_step(f"{blk}ffn_expert_{name}", x, chosen, f"{blk}ffn_{name}_exps")
        yield Step(blk + "ffn_expert_act", "gated_activation", (blk + "ffn_expert_gate", blk + "ffn_expert_up"),
                   {"function": self.activation})
        yield self.expert_step(blk + "ffn_expert_out", blk + "ffn_expert_act", chosen, blk + "ffn_down_exps")
        routed = blk + ("ffn_routed" if shares else "ffn_out")
        yield Step(routed, "weighted_sum", (blk + "ffn_expert_out", weights), {})
        if shares:
            yield from self.shared_expert_steps(blk)
            shared = blk + ("ffn_shared_gated" if self.has(blk + "ffn_gate_inp_shexp.weight") else "ffn_shared_out")
            yield Step(blk + "ffn_out", "add", (routed, shared), {})
        yield from self.residual_steps(blk + "out", blk + "attn_residual", blk + "ffn_out", blk + "ffn",
                                       blk + "post_ffw_norm")

    def shared_expert_steps(self, blk):
        is_gated = self.has(blk + "ffn_gate_inp_shexp.weight")
        if is_gated:
            yield self.linear_step(blk + "ffn_shared_router", blk + "ffn_norm", blk + "ffn_gate_inp_shexp")
        for name in ("gate", "up"):
            yield self.linear_step(f"{blk}ffn_shared_{name}", blk + "ffn_norm", f"{blk}ffn_{name}_shexp")
        yield Step(blk + "ffn_shared_act", "gated_activation", (blk + "ffn_shared_gate", blk + "ffn_shared_up"),
                   {"function": self.activation})
        yield self.linear_step(blk + "ffn_shared_out", blk + "ffn_shared_act", blk + "ffn_down_shexp")
        if is_gated:
            yield Step(blk + "ffn_shared_gated", "sigmoid_gate", (blk + "ffn_shared_router", blk + "ffn_shared_out"), {})

    def residual_steps(self, tap, x, branch, name, norm):
        """x + branch; a branch with a norm of its own goes through it first, and is scaled where the model says so."""
        if self.has(norm + ".weight"):
            yield self.norm_step(name + "_post_norm", branch, norm)
            branch = name + "_post_norm"
        if self.residual_scale != 1:
            yield Step(name + "_scaled", "scale", (branch,), {"factor": self.residual_scale})
            branch = name + "_scaled"
        yield Step(tap, "add", (x, branch), {})

    def norm_step(self, tap, x, name, group=None):
        """Files with an epsilon of this name have LayerNorms."""
        if f"{self.model.architecture}.attention.layer_norm_epsilon" in self.model.metadata:
            bias = name + ".bias" if self.has(name + ".bias") else None
            return Step(tap, "layer_norm", (x,), {"weight": name + ".weight", "bias": bias,
                                                  "epsilon": self.model.get("attention.layer_norm_epsilon")})
        return Step(tap, "rms_norm", (x,), {"weight": name + ".weight",
                                            "epsilon": self.model.get("attention.layer_norm_rms_epsilon"),
                                            "group": group})

    def linear_step(self, tap, x, name, rows=None):
        bias = name + ".bias" if self.has(name + ".bias") else None
        parameters = {"weight": name + ".weight", "bias": bias}
        return Step(tap, "linear", (x,), parameters if rows is None else {**parameters, "rows": rows})

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

    def layer_norm(self, x, weight, bias, epsilon):
        centred = x - x.mean(axis=1, keepdims=True)
        normed = centred / np.sqrt(centred.var(axis=1, keepdims=True) + epsilon) * self.model.weight(weight)
        return normed if bias is None else normed + self.model.weight(bias)

    def activations(self, x, weight):
        """What the product with a weight reads of x."""
        return x

    def linear(self, x, weight, bias, rows=slice(None)):
        y = self.activations(x, weight) @ self.model.weight(weight)[rows].T
        return y if bias is None else y + self.model.weight(bias)[rows]

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

    def attention(self, q, k, v, heads, kv_heads, scale, soft_cap, window, sinks=None):
        """Each token looks at itself and what came before, `window` tokens in all; query heads share key/value heads in
        runs. A sink is one more score, of a value that is 0."""
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
            if sinks:
                scores = np.column_stack([scores, np.full(len(q), self.model.weight(sinks)[head])])
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)
            attended[:, head] = weights[:, :len(q)] @ v[:, kv_head]
        return attended.reshape(len(q), -1)

    def position_scale(self, x, growth, length):
        return x * (1 + growth * np.log(1 + np.arange(len(x)) // length))[:, None]

    def gated_activation(self, gate, up=1.0, *, function):
        if function == "clamped_swiglu":
            gate = np.minimum(gate, 7)
            return gate * sigmoid(1.702 * gate) * (1 + np.clip(up, -7, 7))
        return ACTIVATIONS[function](gate) * up

    def softmax(self, x):
        raised = np.exp(x - x.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)

    def sigmoid(self, x):
        return sigmoid(x)

    def add_bias(self, x, bias):
        return x + self.model.weight(bias)

    def top_k(self, x, count, groups=1, used_groups=1):
        """The largest first; a stable sort leaves equal ones in the order of their indices. Of groups those count whose
        two largest have the largest sum (DeepSeek-V3, section 2.1.2)."""
        grouped = x.reshape(len(x), groups, -1)
        sums = np.sort(grouped, axis=2)[:, :, -2:].sum(axis=2)
        chosen = np.argsort(-sums, axis=1, kind="stable")[:, :used_groups]
        is_chosen = (np.arange(groups) == chosen[:, :, None]).any(axis=1)
        allowed = np.where(is_chosen[:, :, None], grouped, -np.inf).reshape(x.shape)
        return np.argsort(-allowed, axis=1, kind="stable")[:, :count]

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

    def head_linear(self, x, weight):
        """A matrix for each head: [heads, outputs, inputs]."""
        return self.multiply_heads(self.activations(x, weight), self.model.weight(weight))

    def multiply_heads(self, x, matrices):
        return np.einsum("thi,hoi->tho", x.reshape(len(x), len(matrices), -1), matrices).reshape(len(x), -1)

    def part_of_heads(self, x, channels, width):
        return split_heads(x, width)[..., channels].reshape(len(x), -1)

    def joined_heads(self, a, b, heads):
        """Head by head beside each other; what is as wide as one head only is every head's."""
        a, b = (np.broadcast_to(part, (len(x), heads, part.shape[2])) for x in (a, b)
                for part in [x.reshape(len(x), 1 if self.is_shared(x, heads) else heads, -1)])
        return np.concatenate([a, b], axis=2).reshape(len(a), -1)

    def is_shared(self, x, heads):
        return heads > 1 and x.shape[1] == self.latent.rotated

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
