// Llama and what is built like it under the same name: TinyLlama, Mistral, SmolLM. Touvron et al. 2023, arXiv
// 2302.13971 and 2307.09288; grouped heads as in Ainslie et al. 2023, arXiv 2305.13245.
//
// Per block: x += Wo attention(rope(Wq n), rope(Wk n), Wv n) with n = norm(x), then x += Wdown(silu(Wgate m) * Wup m)
// with m = norm(x). The head is output.weight, or the embedding table when that is absent. Any projection may have a
// bias. Converters permute q and k so that rotary pairs are neighbours.
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/architecture.h"
#include "model/rope.h"

namespace assay::model {
namespace {

ValueId attention_part(const HyperParameters& hp, const RopeTable& rope, std::size_t block, ValueId x, PlanBuilder& b) {
  const std::string blk = fmt::format("blk.{}.", block);
  const std::size_t q_width = hp.head_count * hp.key_length;
  const std::size_t kv_width = hp.head_count_kv * hp.key_length;
  const Rope rotation{RopePairing::neighbours, hp.key_length, rope.frequencies, rope.magnitude};
  const Attention attention{block, hp.head_count, hp.head_count_kv, hp.key_length,
                            1 / std::sqrt(static_cast<double>(hp.key_length))};

  const ValueId normed = b.rms_norm(blk + "attn_norm", x, blk + "attn_norm", hp.layer_norm_rms_epsilon);
  const ValueId q = b.linear(blk + "q", normed, blk + "attn_q", q_width);
  const ValueId k = b.linear(blk + "k", normed, blk + "attn_k", kv_width);
  const ValueId v = b.linear(blk + "v", normed, blk + "attn_v", kv_width);
  const ValueId q_rope = b.add_step(blk + "q_rope", q_width, rotation, {q});
  const ValueId k_rope = b.add_step(blk + "k_rope", kv_width, rotation, {k});
  const ValueId attended = b.add_step(blk + "attn", q_width, attention, {q_rope, k_rope, v});
  const ValueId out = b.linear(blk + "attn_out", attended, blk + "attn_output", hp.embedding_length);
  return b.add(blk + "attn_residual", x, out);
}

ValueId feed_forward_part(const HyperParameters& hp, std::size_t block, ValueId x, PlanBuilder& b) {
  const std::string blk = fmt::format("blk.{}.", block);
  const std::size_t width = hp.feed_forward_length;
  const ValueId normed = b.rms_norm(blk + "ffn_norm", x, blk + "ffn_norm", hp.layer_norm_rms_epsilon);
  const ValueId gate = b.linear(blk + "ffn_gate", normed, blk + "ffn_gate", width);
  const ValueId up = b.linear(blk + "ffn_up", normed, blk + "ffn_up", width);
  const ValueId activated = b.add_step(blk + "ffn_act", width, GatedActivation{Activation::silu}, {gate, up});
  const ValueId out = b.linear(blk + "ffn_out", activated, blk + "ffn_down", hp.embedding_length);
  return b.add(blk + "out", x, out);
}

void build(const HyperParameters& hp, PlanBuilder& b) {
  if (hp.expert_count > 0) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: a mixture of {} experts (llama.expert_count), which is not supported", hp.source,
                            hp.expert_count),
                "Take a dense model of the same family.");
  }
  const RopeTable rope = rope_table(hp, b.optional_values("rope_freqs.weight", hp.rope_dimension_count / 2));
  const WeightId table = b.matrix("token_embd.weight", hp.embedding_length, hp.vocab_size);
  ValueId x = b.add_step("embed", hp.embedding_length, Embed{table}, {});
  for (std::size_t block = 0; block < hp.block_count; ++block) {
    x = attention_part(hp, rope, block, x, b);
    x = feed_forward_part(hp, block, x, b);
  }
  const ValueId normed = b.rms_norm("final_norm", x, "output_norm", hp.layer_norm_rms_epsilon, true);
  b.linear("logits", normed, b.has("output.weight") ? "output" : "token_embd", hp.vocab_size, true);
}

}  // namespace

const Architecture kLlama = {"llama", build};

}  // namespace assay::model
