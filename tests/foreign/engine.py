"""The llama architecture in float64 with numpy, from the papers; shares no code with src/.

    taps = Engine(Model("model.gguf")).run([1, 42, 7])
    taps["blk.0.q_rope"]        # [tokens, channels]

Touvron et al. 2023 (LLaMA): pre-normalised residual blocks of attention and a gated feed-forward.
Zhang and Sennrich 2019: RMSNorm.  Su et al. 2021: rotary embedding.  Shazeer 2020: SwiGLU.
Ainslie et al. 2023: grouped key/value heads.  Chen et al. 2023: linear position interpolation.  Peng et al. 2023: YaRN.

A model is written without a cache and without batches: all tokens of one text at once. Each operation is one method, so
that a test can replace it.
"""

import math

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

    def get(self, key, default=None):
        """The architecture's own metadata, for example get("block_count")."""
        value = self.metadata.get(f"{self.architecture}.{key}", default)
        assert value is not None, f"{self.architecture}.{key} is missing"
        return value

    def weight(self, name):
        """The tensor's values, or None when there is no such tensor."""
        tensor = self.tensors.get(name)
        if tensor is None:
            return None
        # The file lists dimensions from the contiguous one upwards.
        shape = [int(length) for length in reversed(tensor.shape)]
        return formats.values(tensor.tensor_type.name, tensor.data).reshape(shape)


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


def rope_frequencies(model):
    """(radians a position for each pair of a head, factor of the rotated vectors)."""
    head_width = model.get("attention.key_length", model.get("embedding_length") // model.get("attention.head_count"))
    dimensions = model.get("rope.dimension_count", head_width)
    base = model.get("rope.freq_base", 10000.0)
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


class Engine:
    """Runs a model.

    `pairing` says which channels of a head rotate together: "neighbours" (2 i, 2 i + 1), as GGUF files of this
    architecture have them, or "halves" (i, i + half).
    """

    def __init__(self, model, pairing="neighbours"):
        self.model = model
        self.pairing = pairing
        self.heads = model.get("attention.head_count")
        self.kv_heads = model.get("attention.head_count_kv", self.heads)
        self.head_width = model.get("attention.key_length", model.get("embedding_length") // self.heads)
        self.epsilon = model.get("attention.layer_norm_rms_epsilon")
        self.frequencies, self.magnitude = rope_frequencies(model)

    def run(self, tokens):
        """Every value by its tap, [tokens, channels]."""
        taps = {}
        x = taps["embed"] = self.model.weight("token_embd.weight")[np.asarray(tokens)]
        for block in range(self.model.get("block_count")):
            x = self.run_block(f"blk.{block}.", x, taps)
        normed = taps["final_norm"] = self.rms_norm(x, self.model.weight("output_norm.weight"))
        head = self.model.weight("output.weight")
        if head is None:
            head = self.model.weight("token_embd.weight")
        taps["logits"] = self.multiply(head, normed)
        return taps

    def run_block(self, blk, x, taps):
        def put(tap, value):
            taps[blk + tap] = value
            return value

        normed = put("attn_norm", self.rms_norm(x, self.model.weight(blk + "attn_norm.weight")))
        q = put("q", self.linear(blk + "attn_q", normed))
        k = put("k", self.linear(blk + "attn_k", normed))
        v = put("v", self.linear(blk + "attn_v", normed))
        q = put("q_rope", self.rope(q))
        k = put("k_rope", self.rope(k))
        attended = put("attn", self.attention(q, k, v))
        x = put("attn_residual", x + put("attn_out", self.linear(blk + "attn_output", attended)))

        normed = put("ffn_norm", self.rms_norm(x, self.model.weight(blk + "ffn_norm.weight")))
        gate = put("ffn_gate", self.linear(blk + "ffn_gate", normed))
        up = put("ffn_up", self.linear(blk + "ffn_up", normed))
        activated = put("ffn_act", self.gated_activation(gate, up))
        return put("out", x + put("ffn_out", self.linear(blk + "ffn_down", activated)))

    def rms_norm(self, x, weight):
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.epsilon) * weight

    def multiply(self, matrix, x):
        return x @ matrix.T

    def linear(self, name, x):
        bias = self.model.weight(name + ".bias")
        y = self.multiply(self.model.weight(name + ".weight"), x)
        return y if bias is None else y + bias

    def split_heads(self, x):
        """[tokens, heads * head_width] -> [tokens, heads, head_width]"""
        return x.reshape(len(x), -1, self.head_width)

    def rope(self, x):
        """Rotates every pair of channels by its frequency times the position; further channels stay as they are."""
        heads = self.split_heads(x)
        angles = np.arange(len(x))[:, None, None] * self.frequencies
        cosine, sine = self.magnitude * np.cos(angles), self.magnitude * np.sin(angles)
        pairs = len(self.frequencies)
        if self.pairing == "neighbours":
            first, second = slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)
        else:
            first, second = slice(0, pairs), slice(pairs, 2 * pairs)
        rotated = heads.copy()
        rotated[..., first] = heads[..., first] * cosine - heads[..., second] * sine
        rotated[..., second] = heads[..., first] * sine + heads[..., second] * cosine
        return rotated.reshape(x.shape)

    def attention(self, q, k, v):
        """Each token looks at itself and what came before; query heads share key/value heads in runs."""
        q, k, v = (self.split_heads(x) for x in (q, k, v))
        tokens = len(q)
        future = np.triu(np.ones((tokens, tokens), dtype=bool), 1)
        attended = np.empty_like(q)
        for head in range(self.heads):
            kv_head = head // (self.heads // self.kv_heads)
            scores = q[:, head] @ k[:, kv_head].T / math.sqrt(self.head_width)
            scores = np.where(future, -np.inf, scores)
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)
            attended[:, head] = weights @ v[:, kv_head]
        return attended.reshape(tokens, -1)

    def gated_activation(self, gate, up):
        return gate / (1 + np.exp(-gate)) * up
