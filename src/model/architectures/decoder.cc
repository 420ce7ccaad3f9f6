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
        rope_(rope_table(hp, builder.optional_values(variant.rope_factors, hp.rope_dimension_count / 2))) {}

  void build() {
    const WeightId table = b_.matrix("token_embd.weight", hp_.embedding_length, hp_.vocab_size);
    ValueId x = b_.add_step("embed", hp_.embedding_length, Embed{table}, {});
    x = scaled("embed_scaled", x, variant_.embedding_scale);
    for (std::size_t block = 0; block < hp_.block_count; ++block) {
      const std::string blk = fmt::format("blk.{}.", block);
      const ValueId read = before(x, blk + "attn_norm", blk + "attn_norm");
      x = attention_part(block, x, read);
      x = feed_forward_part(
          block, x, variant_.is_parallel ? read : before(x, blk + "ffn_norm", blk + variant_.feed_forward_norm));
    }
    add_logits(norm("final_norm", x, "output_norm", true));
  }

 private:
  /// `read` is what the part reads of the stream x.
  ValueId attention_part(std::size_t block, ValueId x, ValueId read) {
    const std::string blk = fmt::format("blk.{}.", block);
    const ValueId attended = variant_.attention ? variant_.attention(blk, block, read) : heads(blk, block, read);
    const ValueId out = b_.linear(blk + "attn_out", attended, blk + "attn_output", hp_.embedding_length);
    return added(blk + "attn_residual", x, out, blk + "attn", blk + "post_attention_norm");
  }

  ValueId heads(const std::string& blk, std::size_t block, ValueId read) {
    const std::size_t q_width = hp_.head_count * hp_.key_length;
    const std::size_t kv_width = hp_.head_count_kv * hp_.key_length;
    const std::size_t all = q_width + 2 * kv_width;
    ValueId q = projected(blk, "q", read, {0, q_width, all});
    ValueId k = projected(blk, "k", read, {q_width, kv_width, all});
    const ValueId v = projected(blk, "v", read, {q_width + kv_width, kv_width, all});
    q = grown(blk, rotated(block, "q", normed(blk, "q", q)));
    k = rotated(block, "k", normed(blk, "k", k));
    return b_.add_step(blk + "attn", q_width, attention(block), {q, k, v});
  }

  /// What parts read of the stream.
  ValueId before(ValueId x, const std::string& tap, const std::string& tensor) {
    return variant_.has_pre_norms ? norm(tap, x, tensor) : x;
  }

  ValueId norm(const std::string& tap, ValueId x, const std::string& tensor, bool only_outputs = false) {
    return variant_.has_layer_norms
               ? b_.layer_norm(tap, x, tensor, hp_.norm_epsilon, variant_.has_norm_biases, only_outputs)
               : b_.rms_norm(tap, x, tensor, hp_.norm_epsilon, only_outputs);
  }

  /// `what` is q, k or v; `part` says where it is in attn_qkv.
  ValueId projected(const std::string& blk, const std::string& what, ValueId x, const Part& part) {
    const std::string tensor = blk + "attn_" + what;
    const std::string fused = blk + "attn_qkv";
    if (!b_.has(tensor + ".weight") && b_.has(fused + ".weight")) return b_.linear(blk + what, x, fused, part);
    return variant_.needs_qkv_biases ? b_.biased_linear(blk + what, x, tensor, part.count)
                                     : b_.linear(blk + what, x, tensor, part.count);
  }

  ValueId normed(const std::string& blk, const std::string& what, ValueId x) {
    const std::string tensor = blk + "attn_" + what + "_norm";
    switch (variant_.qk_norm) {
      case QkNorm::none:
        return x;
      case QkNorm::heads:
        return b_.head_norm(blk + what + "_norm", x, tensor, hp_.norm_epsilon, hp_.key_length);
      case QkNorm::whole:
        return b_.rms_norm(blk + what + "_norm", x, tensor, hp_.norm_epsilon);
    }
    return x;
  }

  ValueId rotated(std::size_t block, const std::string& what, ValueId x) {
    if (variant_.unrotated_every != 0 && (block + 1) % variant_.unrotated_every == 0) return x;
    const RopeTable& table = window(block) != 0 && variant_.window_rope ? *variant_.window_rope : rope_;
    const Rope rope{variant_.pairing, hp_.key_length, table.frequencies, table.magnitude, table.base, table.is_scaled};
    return b_.add_step(fmt::format("blk.{}.{}_rope", block, what), b_.width(x), rope, {x});
  }

  ValueId grown(const std::string& blk, ValueId q) {
    return variant_.query_growth.growth == 0 ? q
                                             : b_.add_step(blk + "q_scaled", b_.width(q), variant_.query_growth, {q});
  }

  std::size_t window(std::size_t block) const { return variant_.windows.empty() ? 0 : variant_.windows[block]; }

  Attention attention(std::size_t block) {
    const double scale =
        variant_.attention_scale != 0 ? variant_.attention_scale : 1 / std::sqrt(static_cast<double>(hp_.key_length));
    const WeightId sinks =
        variant_.has_sinks ? b_.vector(fmt::format("blk.{}.attn_sinks.weight", block), hp_.head_count) : kNoWeight;
    return {block,          hp_.head_count, hp_.head_count_kv,           hp_.key_length,
            hp_.key_length, scale,          variant_.attention_soft_cap, window(block),
            sinks};
  }

  ValueId feed_forward_part(std::size_t block, ValueId x, ValueId read) {
    const std::string blk = fmt::format("blk.{}.", block);
    const bool is_mixture = variant_.experts && block >= variant_.experts->first_block;
    const ValueId out = is_mixture ? experts(blk, read) : feed_forward(blk, read);
    return added(blk + "out", x, out, blk + "ffn", blk + "post_ffw_norm");
  }

  ValueId feed_forward(const std::string& blk, ValueId x) {
    const std::size_t width = hp_.feed_forward_length;
    std::vector<ValueId> branches;
    if (variant_.has_gate_in_ffn_up) {
      branches = {b_.linear(blk + "ffn_gate", x, blk + "ffn_up", {0, width, 2 * width}),
                  b_.linear(blk + "ffn_up", x, blk + "ffn_up", {width, width, 2 * width})};
    } else {
      if (variant_.has_gate) branches.push_back(b_.linear(blk + "ffn_gate", x, blk + "ffn_gate", width));
      branches.push_back(b_.linear(blk + "ffn_up", x, blk + "ffn_up", width));
    }
    const ValueId activated = b_.add_step(blk + "ffn_act", width, GatedActivation{variant_.activation}, branches);
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
    const ExpertWeights kind = variant_.experts->weights;
    const Operation function = variant_.experts->has_sigmoids ? Operation(Sigmoid{}) : Operation(Softmax{});
    const ValueId scores = kind == ExpertWeights::softmax_of_chosen
                               ? router
                               : b_.add_step(blk + "ffn_router_probs", count, function, {router});
    ValueId judged = scores;
    if (const std::string bias = blk + "exp_probs_b.bias"; b_.has(bias)) {
      judged = b_.add_step(blk + "ffn_router_biased", count, AddBias{b_.vector(bias, count)}, {scores});
    }
    const ValueId chosen = b_.add_step(blk + "ffn_experts", used, variant_.experts->choice, {judged});
    ValueId weights = b_.add_step(blk + "ffn_weights", used, Pick{}, {scores, chosen});
    if (kind != ExpertWeights::probabilities) {
      const Operation operation = kind == ExpertWeights::normalised ? Operation(Normalize{}) : Operation(Softmax{});
      weights = b_.add_step(blk + "ffn_weights_norm", used, operation, {weights});
    }
    weights = scaled(blk + "ffn_weights_scaled", weights, variant_.experts->weight_scale);
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
    const bool is_gated = variant_.experts->is_shared_expert_gated;
    const ValueId router = is_gated ? b_.linear(blk + "ffn_shared_router", x, blk + "ffn_gate_inp_shexp", 1) : -1;
    const ValueId gate = b_.linear(blk + "ffn_shared_gate", x, blk + "ffn_gate_shexp", width);
    const ValueId up = b_.linear(blk + "ffn_shared_up", x, blk + "ffn_up_shexp", width);
    const ValueId activated =
        b_.add_step(blk + "ffn_shared_act", width, GatedActivation{variant_.activation}, {gate, up});
    const ValueId out = b_.linear(blk + "ffn_shared_out", activated, blk + "ffn_down_shexp", hp_.embedding_length);
    if (!is_gated) return out;
    return b_.add_step(blk + "ffn_shared_gated", hp_.embedding_length, SigmoidGate{}, {router, out});
  }

  /// The stream with what a part gives it. `name` begins the taps between them.
  ValueId added(const std::string& tap, ValueId stream, ValueId part, const std::string& name,
                const std::string& norm) {
    if (variant_.has_post_norms) part = b_.rms_norm(name + "_post_norm", part, norm, hp_.norm_epsilon);
    return b_.add(tap, stream, scaled(name + "_scaled", part, variant_.residual_scale));
  }

  ValueId scaled(const std::string& tap, ValueId x, double factor) {
    return factor == 1 ? x : b_.add_step(tap, b_.width(x), Scale{factor}, {x});
  }

  void add_logits(ValueId x) {
    const std::string head = b_.has("output.weight") ? "output" : "token_embd";
    const bool is_plain = variant_.logit_scale == 1 && variant_.final_soft_cap == 0;
    const ValueId raw = b_.linear(is_plain ? "logits" : "logits_raw", x, head, hp_.vocab_size, true);
    if (variant_.logit_scale != 1) b_.add_step("logits", hp_.vocab_size, Scale{variant_.logit_scale}, {raw}, true);
    if (variant_.final_soft_cap != 0) {
      b_.add_step("logits", hp_.vocab_size, SoftCap{variant_.final_soft_cap}, {raw}, true);
    }
  }

  const HyperParameters& hp_;
  const DecoderVariant& variant_;
  PlanBuilder& b_;
  RopeTable rope_;
};

}  // namespace

std::size_t window_period(const HyperParameters& hp, std::size_t usual) {
  return static_cast<std::size_t>(hp.find(kWindowPeriod.name).value_or(static_cast<double>(usual)));
}

std::vector<std::size_t> windows_but_every(std::size_t period, const HyperParameters& hp) {
  std::vector<std::size_t> windows(hp.block_count, static_cast<std::size_t>(hp.find(kWindow.name).value_or(0)));
  for (std::size_t last = period; last <= hp.block_count; last += period) windows[last - 1] = 0;
  return windows;
}

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
