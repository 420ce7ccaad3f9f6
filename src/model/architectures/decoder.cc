#include "model/architectures/decoder.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "model/rope.h"

namespace assay::model {
namespace {

class Decoder {
 public:
  Decoder(const HyperParameters& hp, const DecoderVariant& variant, PlanBuilder& builder)
      : hp_(hp),
        variant_(variant),
        b_(builder),
        rope_(rope_table(hp, builder.optional_values("rope_freqs.weight", hp.rope_dimension_count / 2))) {}

  void build() {
    const WeightId table = b_.matrix("token_embd.weight", hp_.embedding_length, hp_.vocab_size);
    ValueId x = b_.add_step("embed", hp_.embedding_length, Embed{table}, {});
    if (variant_.embedding_scale != 1) {
      x = b_.add_step("embed_scaled", hp_.embedding_length, Scale{variant_.embedding_scale}, {x});
    }
    for (std::size_t block = 0; block < hp_.block_count; ++block) {
      x = attention_part(block, x);
      x = feed_forward_part(block, x);
    }
    const ValueId normed = b_.rms_norm("final_norm", x, "output_norm", hp_.norm_epsilon, true);
    const std::string head = b_.has("output.weight") ? "output" : "token_embd";
    const bool is_capped = variant_.final_soft_cap != 0;
    const ValueId logits = b_.linear(is_capped ? "logits_raw" : "logits", normed, head, hp_.vocab_size, true);
    if (is_capped) b_.add_step("logits", hp_.vocab_size, SoftCap{variant_.final_soft_cap}, {logits}, true);
  }

 private:
  ValueId attention_part(std::size_t block, ValueId x) {
    const std::string blk = fmt::format("blk.{}.", block);
    const std::size_t q_width = hp_.head_count * hp_.key_length;
    const std::size_t kv_width = hp_.head_count_kv * hp_.key_length;
    const ValueId normed = b_.rms_norm(blk + "attn_norm", x, blk + "attn_norm", hp_.norm_epsilon);
    const ValueId q = projected(blk, "q", normed, q_width);
    const ValueId k = projected(blk, "k", normed, kv_width);
    const ValueId v = projected(blk, "v", normed, kv_width);
    const ValueId q_rope = rotated(blk, "q", q);
    const ValueId k_rope = rotated(blk, "k", k);
    const ValueId attended = b_.add_step(blk + "attn", q_width, attention(block), {q_rope, k_rope, v});
    const ValueId out = b_.linear(blk + "attn_out", attended, blk + "attn_output", hp_.embedding_length);
    return added(blk + "attn_residual", x, out, blk + "attn_post_norm", blk + "post_attention_norm");
  }

  /// `what` is q, k or v.
  ValueId projected(const std::string& blk, const std::string& what, ValueId x, std::size_t width) {
    const std::string tensor = blk + "attn_" + what;
    return variant_.needs_qkv_biases ? b_.biased_linear(blk + what, x, tensor, width)
                                     : b_.linear(blk + what, x, tensor, width);
  }

  ValueId rotated(const std::string& blk, const std::string& what, ValueId x) {
    if (variant_.has_qk_norms) {
      x = b_.head_norm(blk + what + "_norm", x, blk + "attn_" + what + "_norm", hp_.norm_epsilon, hp_.key_length);
    }
    const Rope rope{variant_.pairing, hp_.key_length, rope_.frequencies, rope_.magnitude};
    return b_.add_step(blk + what + "_rope", b_.width(x), rope, {x});
  }

  Attention attention(std::size_t block) const {
    const double scale =
        variant_.attention_scale != 0 ? variant_.attention_scale : 1 / std::sqrt(static_cast<double>(hp_.key_length));
    const std::size_t window = variant_.windows.empty() ? 0 : variant_.windows[block];
    return {block, hp_.head_count, hp_.head_count_kv, hp_.key_length, scale, variant_.attention_soft_cap, window};
  }

  ValueId feed_forward_part(std::size_t block, ValueId x) {
    const std::string blk = fmt::format("blk.{}.", block);
    const ValueId normed = b_.rms_norm(blk + "ffn_norm", x, blk + "ffn_norm", hp_.norm_epsilon);
    const ValueId out = variant_.experts ? experts(blk, normed) : feed_forward(blk, normed);
    return added(blk + "out", x, out, blk + "ffn_post_norm", blk + "post_ffw_norm");
  }

  ValueId feed_forward(const std::string& blk, ValueId x) {
    const std::size_t width = hp_.feed_forward_length;
    const ValueId gate = b_.linear(blk + "ffn_gate", x, blk + "ffn_gate", width);
    const ValueId up = b_.linear(blk + "ffn_up", x, blk + "ffn_up", width);
    const ValueId activated = b_.add_step(blk + "ffn_act", width, GatedActivation{variant_.activation}, {gate, up});
    return b_.linear(blk + "ffn_out", activated, blk + "ffn_down", hp_.embedding_length);
  }

  ValueId experts(const std::string& blk, ValueId x) {
    const bool is_shared = variant_.experts->shared_expert_length > 0;
    const ValueId chosen = chosen_experts(blk, x, is_shared ? "ffn_routed" : "ffn_out");
    if (!is_shared) return chosen;
    return b_.add(blk + "ffn_out", chosen, shared_expert(blk, x));
  }

  ValueId chosen_experts(const std::string& blk, ValueId x, const std::string& tap) {
    const std::size_t count = hp_.expert_count;
    const std::size_t used = hp_.expert_used_count;
    const std::size_t width = variant_.experts->length;
    const ValueId router = b_.linear(blk + "ffn_router", x, blk + "ffn_gate_inp", count);
    const ValueId probs = b_.add_step(blk + "ffn_router_probs", count, Softmax{}, {router});
    const ValueId chosen = b_.add_step(blk + "ffn_experts", used, TopK{}, {probs});
    ValueId weights = b_.add_step(blk + "ffn_weights", used, Pick{}, {probs, chosen});
    if (variant_.experts->are_weights_normalised) {
      weights = b_.add_step(blk + "ffn_weights_norm", used, Normalize{}, {weights});
    }
    const auto linear = [&](const char* name, ValueId from, const char* tensor, std::size_t in, std::size_t out) {
      return b_.expert_linear(blk + name, from, chosen, blk + tensor, in, out, count);
    };
    const ValueId gate = linear("ffn_expert_gate", x, "ffn_gate_exps", hp_.embedding_length, width);
    const ValueId up = linear("ffn_expert_up", x, "ffn_up_exps", hp_.embedding_length, width);
    const ValueId activated =
        b_.add_step(blk + "ffn_expert_act", used * width, GatedActivation{variant_.activation}, {gate, up});
    const ValueId outs = linear("ffn_expert_out", activated, "ffn_down_exps", width, hp_.embedding_length);
    return b_.add_step(blk + tap, hp_.embedding_length, WeightedSum{}, {outs, weights});
  }

  ValueId shared_expert(const std::string& blk, ValueId x) {
    const std::size_t width = variant_.experts->shared_expert_length;
    const ValueId router = b_.linear(blk + "ffn_shared_router", x, blk + "ffn_gate_inp_shexp", 1);
    const ValueId gate = b_.linear(blk + "ffn_shared_gate", x, blk + "ffn_gate_shexp", width);
    const ValueId up = b_.linear(blk + "ffn_shared_up", x, blk + "ffn_up_shexp", width);
    const ValueId activated =
        b_.add_step(blk + "ffn_shared_act", width, GatedActivation{variant_.activation}, {gate, up});
    const ValueId out = b_.linear(blk + "ffn_shared_out", activated, blk + "ffn_down_shexp", hp_.embedding_length);
    return b_.add_step(blk + "ffn_shared_gated", hp_.embedding_length, SigmoidGate{}, {router, out});
  }

  /// The stream with what a part gives it.
  ValueId added(const std::string& tap, ValueId stream, ValueId part, const std::string& norm_tap,
                const std::string& norm_tensor) {
    if (variant_.has_post_norms) part = b_.rms_norm(norm_tap, part, norm_tensor, hp_.norm_epsilon);
    return b_.add(tap, stream, part);
  }

  const HyperParameters& hp_;
  const DecoderVariant& variant_;
  PlanBuilder& b_;
  RopeTable rope_;
};

}  // namespace

std::size_t length_of_experts(const HyperParameters& hp) {
  const auto length = hp.find(kExpertLength.name);
  return length ? static_cast<std::size_t>(*length)
                : hp.feed_forward_length / std::max<std::size_t>(1, hp.expert_used_count);
}

void build_decoder(const HyperParameters& hp, const DecoderVariant& variant, PlanBuilder& builder) {
  if (hp.expert_count > 0 && !variant.experts) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: a mixture of {} experts ({}.expert_count), which is not supported", hp.source,
                            hp.expert_count, hp.architecture),
                "Take a dense model of the same family.");
  }
  if (hp.expert_count == 0 && variant.experts) {
    throw Error(ErrorKind::input, fmt::format("{}: {}.expert_count is missing or 0", hp.source, hp.architecture),
                "The file is damaged or was converted wrongly; convert it again or get another copy.");
  }
  if (variant.experts && builder.has("blk.0.ffn_gate.0.weight")) {
    throw Error(
        ErrorKind::unsupported,
        fmt::format("{}: blk.0.ffn_gate.0.weight: a tensor for every expert, as files had until 2024", hp.source),
        "Take a newer file of the model: it has one tensor for all experts, blk.0.ffn_gate_exps.weight.");
  }
  Decoder(hp, variant, builder).build();
}

}  // namespace assay::model
