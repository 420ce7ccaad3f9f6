"""Attention of latent vectors: DeepSeek-AI 2024 (V2), arXiv 2405.04434, section 2.1, and YaRN as its authors' code has it.

Equations 37 to 47, where k and v are made of one latent vector c a token, and a rotated part of the key is the same for all
heads. Of k^C = W^UK c and q^C only the product is needed, so W^UK may be multiplied to q instead of c, and W^UV to what
attention gives: files that hold W^UK transposed, a matrix a head, ask for that.
"""

import math


class LatentAttention:
    def __init__(self, model):
        self.model = model
        self.absorbed = "deepseek2.attention.key_length_mla" in model.metadata
        suffix = "_mla" if self.absorbed else ""
        self.heads = model.get("attention.head_count")
        self.key = model.get("attention.key_length" + suffix)
        self.value = model.get("attention.value_length" + suffix)
        self.latent = model.get("attention.kv_lora_rank")
        self.rotated = model.get("rope.dimension_count")
        self.plain = self.key - self.rotated

    def scale(self, magnitude):
        """mscale^2 / sqrt(d), with mscale = 0.1 mscale_all_dim ln(s) + 1, of which a file holds 0.1 mscale_all_dim."""
        multiplier = self.model.get("rope.scaling.yarn_log_multiplier", 0.0)
        mscale = magnitude * (1 + multiplier * math.log(self.model.get("rope.scaling.factor", 1.0)))
        return mscale ** 2 / math.sqrt(self.key)

    def steps(self, engine, block, x):
        """(tap, operation, inputs, parameters) or whole steps of the engine's."""
        blk = f"blk.{block}."
        rotation = {**engine.rotation(block), "head_width": self.rotated}
        if engine.has(blk + "attn_q_a.weight"):
            yield engine.linear_step(blk + "q_latent", x, blk + "attn_q_a")
            yield engine.norm_step(blk + "q_latent_norm", blk + "q_latent", blk + "attn_q_a_norm")
            yield engine.linear_step(blk + "q", blk + "q_latent_norm", blk + "attn_q_b")
        else:
            yield engine.linear_step(blk + "q", x, blk + "attn_q")
        yield self.part(blk + "q_nope", blk + "q", slice(0, self.plain), self.key)
        yield self.part(blk + "q_pe", blk + "q", slice(self.plain, self.key), self.key)
        yield blk + "q_pe_rope", "rope", (blk + "q_pe",), rotation
        both = self.latent + self.rotated
        yield engine.linear_step(blk + "kv_latent", x, blk + "attn_kv_a_mqa", slice(0, self.latent))
        yield engine.linear_step(blk + "k_pe", x, blk + "attn_kv_a_mqa", slice(self.latent, both))
        yield blk + "k_pe_rope", "rope", (blk + "k_pe",), rotation
        yield engine.norm_step(blk + "kv_norm", blk + "kv_latent", blk + "attn_kv_a_norm")
        attention = {"heads": self.heads, "scale": self.scale(rotation["magnitude"]), "soft_cap": 0, "window": 0}
        if self.absorbed:
            yield self.head_step(blk + "q_absorbed", blk + "q_nope", blk + "attn_k_b.weight")
            yield self.joined(blk + "q_cat", self.heads, blk + "q_absorbed", blk + "q_pe_rope")
            yield self.joined(blk + "k_cat", 1, blk + "kv_norm", blk + "k_pe_rope")
            yield (blk + "attn_latent", "attention", (blk + "q_cat", blk + "k_cat", blk + "kv_norm"),
                   {**attention, "kv_heads": 1})
            yield self.head_step(blk + "attn", blk + "attn_latent", blk + "attn_v_b.weight")
            return
        width = self.plain + self.value
        yield engine.linear_step(blk + "kv", blk + "kv_norm", blk + "attn_kv_b")
        yield self.joined(blk + "q_cat", self.heads, blk + "q_nope", blk + "q_pe_rope")
        yield self.part(blk + "k_nope", blk + "kv", slice(0, self.plain), width)
        yield self.joined(blk + "k_cat", self.heads, blk + "k_nope", blk + "k_pe_rope")
        yield self.part(blk + "v", blk + "kv", slice(self.plain, width), width)
        yield (blk + "attn", "attention", (blk + "q_cat", blk + "k_cat", blk + "v"),
               {**attention, "kv_heads": self.heads})

    def part(self, tap, x, channels, width):
        return tap, "part_of_heads", (x,), {"channels": channels, "width": width}

    def joined(self, tap, heads, x, rotated):
        return tap, "joined_heads", (x, rotated), {"heads": heads}

    def head_step(self, tap, x, weight):
        return tap, "head_linear", (x,), {"weight": weight}
