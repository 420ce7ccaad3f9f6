// DeepSeek-V2, V2-Lite, V3 and R1: attention whose keys and values are made of one latent vector a token, beside one
// rotated part of the key that all heads share; then a mixture of experts with a shared one, behind some leading blocks
// without. DeepSeek-AI 2024, arXiv 2405.04434 (section 2.1, equations 37 to 47) and 2412.19437.
//
// q = Wq n, or Wqb norm(Wqa n), has heads of an unrotated and a rotated part. The latent c = norm(Wkva n). A head's key
// is [Wk c, rope(Wkr n)], its value Wv c. Current files hold Wk transposed (attn_k_b), so that scores are products of
// Wk^T q with c itself: the latent vectors are then the keys and values of one head that all share, and Wv (attn_v_b)
// multiplies what attention gives. Older files have Wk and Wv in one tensor (attn_kv_b).
//
// Scores are scaled by t^2 / sqrt(head width), where YaRN's t = 1 + m ln(factor) with the file's yarn_log_multiplier m,
// and then nothing is left for the rotation to scale.
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/math.h"
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"
#include "model/rope.h"

namespace assay::model {
namespace {

constexpr std::string_view kHint =
    "The file is damaged or was converted wrongly; convert it again or get another copy.";

// Values of expert_gating_func.
constexpr std::size_t kSoftmax = 1;
constexpr std::size_t kSigmoid = 2;

/// Far above any that there is: where a file claims more, its tensors have other shapes.
constexpr double kMost = 1U << 20U;

std::size_t count(const HyperParameters& hp, std::string_view key, std::size_t otherwise) {
  return static_cast<std::size_t>(std::min(kMost, hp.find(key).value_or(static_cast<double>(otherwise))));
}

[[noreturn]] void refuse(const HyperParameters& hp, std::string_view what) {
  throw Error(ErrorKind::unsupported, fmt::format("{}: {}, which is not supported", hp.source, what));
}

class LatentAttention {
 public:
  LatentAttention(const HyperParameters& hp, PlanBuilder& builder)
      : hp_(hp),
        b_(builder),
        is_absorbed_(hp.find("attention.key_length_mla").has_value()),
        heads_(hp.head_count),
        latent_(count(hp, "attention.kv_lora_rank", 0)),
        rotated_(hp.rope_dimension_count),
        key_(count(hp, "attention.key_length_mla", hp.key_length)),
        value_(count(hp, "attention.value_length_mla", hp.value_length)) {
    if (latent_ == 0) fail("attention.kv_lora_rank is missing");
    if (rotated_ >= key_) {
      fail(fmt::format("rope.dimension_count is {}, but a head of {} channels has an unrotated part too", rotated_,
                       key_));
    }
    if (!is_absorbed_ && (value_ > key_ || hp.head_count_kv != heads_)) {
      fail("heads of keys and values are not those of latent attention");
    }
    read_rope();
  }

  ValueId operator()(const std::string& blk, std::size_t block, ValueId x) const {
    const std::size_t plain = key_ - rotated_;
    const ValueId q = queries(blk, x);
    const ValueId q_plain = part(blk + "q_nope", q, {0, plain, key_});
    const ValueId q_rope = rope(blk + "q_pe_rope", part(blk + "q_pe", q, {plain, rotated_, key_}));
    const std::size_t both = latent_ + rotated_;
    const ValueId kv = b_.linear(blk + "kv_latent", x, blk + "attn_kv_a_mqa", Part{0, latent_, both});
    const ValueId k_pe = b_.linear(blk + "k_pe", x, blk + "attn_kv_a_mqa", Part{latent_, rotated_, both});
    const ValueId k_rope = rope(blk + "k_pe_rope", k_pe);
    const ValueId normed = b_.rms_norm(blk + "kv_norm", kv, blk + "attn_kv_a_norm", hp_.norm_epsilon);
    if (is_absorbed_) {
      const ValueId absorbed = b_.head_linear(blk + "q_absorbed", q_plain, blk + "attn_k_b", latent_, heads_);
      const ValueId query = joined(blk + "q_cat", heads_, absorbed, latent_, q_rope);
      const ValueId key = joined(blk + "k_cat", 1, normed, latent_, k_rope);
      const Attention attention{block, heads_, 1, both, latent_, scale_};
      const ValueId seen = b_.add_step(blk + "attn_latent", heads_ * latent_, attention, {query, key, normed});
      return b_.head_linear(blk + "attn", seen, blk + "attn_v_b", value_, heads_);
    }
    const std::size_t of_both = plain + value_;
    const ValueId made = b_.linear(blk + "kv", normed, blk + "attn_kv_b", heads_ * of_both);
    const ValueId query = joined(blk + "q_cat", heads_, q_plain, plain, q_rope);
    const ValueId key = joined(blk + "k_cat", heads_, part(blk + "k_nope", made, {0, plain, of_both}), plain, k_rope);
    const ValueId value = part(blk + "v", made, {plain, value_, of_both});
    const Attention attention{block, heads_, heads_, key_, value_, scale_};
    return b_.add_step(blk + "attn", heads_ * value_, attention, {query, key, value});
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw Error(ErrorKind::input, fmt::format("{}: {}: {}", hp_.source, hp_.architecture, problem), std::string(kHint));
  }

  void read_rope() {
    const bool is_scaled = hp_.rope_scaling_type != "none" && hp_.rope_scaling_factor != 1;
    if (is_scaled && (hp_.rope_scaling_type != "yarn" || hp_.rope_scaling_yarn_ext_factor == 0)) {
      refuse(hp_, "rope.scaling other than YaRN's in latent attention");
    }
    HyperParameters of_rope = hp_;
    const double multiplier = hp_.rope_scaling_yarn_log_multiplier;
    if (multiplier != 0) of_rope.rope_scaling_yarn_log_multiplier = 1;
    rope_ = rope_table(of_rope, {});
    const double growth =
        is_scaled && hp_.rope_scaling_factor > 1 ? multiplier * portable_log(hp_.rope_scaling_factor) : 0;
    const double temperature = rope_.magnitude * (1 + growth);
    scale_ = temperature * temperature / std::sqrt(static_cast<double>(key_));
  }

  ValueId queries(const std::string& blk, ValueId x) const {
    const std::size_t width = heads_ * key_;
    const std::size_t rank = count(hp_, "attention.q_lora_rank", 0);
    if (rank == 0 || b_.has(blk + "attn_q.weight")) return b_.linear(blk + "q", x, blk + "attn_q", width);
    const ValueId latent = b_.linear(blk + "q_latent", x, blk + "attn_q_a", rank);
    const ValueId normed = b_.rms_norm(blk + "q_latent_norm", latent, blk + "attn_q_a_norm", hp_.norm_epsilon);
    return b_.linear(blk + "q", normed, blk + "attn_q_b", width);
  }

  /// Some channels of every head.
  ValueId part(const std::string& tap, ValueId x, const Concat::Part& channels) const {
    return b_.add_step(tap, heads_ * channels.count, Concat{heads_, {channels}}, {x});
  }

  /// [the head's channels, its rotated ones]
  ValueId joined(const std::string& tap, std::size_t heads, ValueId x, std::size_t width, ValueId rotated) const {
    const Concat concat{heads, {{0, width, width}, {0, rotated_, rotated_}}};
    return b_.add_step(tap, heads * (width + rotated_), concat, {x, rotated});
  }

  ValueId rope(const std::string& tap, ValueId x) const {
    const Rope rope{RopePairing::neighbours, rotated_, rope_.frequencies, rope_.magnitude, rope_.base, rope_.is_scaled};
    return b_.add_step(tap, b_.width(x), rope, {x});
  }

  const HyperParameters& hp_;
  PlanBuilder& b_;
  bool is_absorbed_;
  std::size_t heads_;
  std::size_t latent_;
  std::size_t rotated_;
  std::size_t key_;
  std::size_t value_;
  RopeTable rope_;
  double scale_ = 0;
};

TopK choice_of(const HyperParameters& hp) {
  TopK choice;
  choice.groups = count(hp, "expert_group_count", 1);
  choice.used_groups = count(hp, "expert_group_used_count", choice.groups);
  if (choice.groups == 1) return {};
  const std::size_t each = hp.expert_count / choice.groups;
  if (choice.groups > kMaxExpertGroups || hp.expert_count % choice.groups != 0 || each < 2 ||
      choice.used_groups > choice.groups || choice.used_groups * each < hp.expert_used_count) {
    throw Error(ErrorKind::input,
                fmt::format("{}: {} of {} groups of experts cannot hold {} of {} experts", hp.source,
                            choice.used_groups, choice.groups, hp.expert_used_count, hp.expert_count),
                std::string(kHint));
  }
  return choice;
}

ExpertsVariant experts_of(const HyperParameters& hp) {
  const std::size_t function = count(hp, "expert_gating_func", kSoftmax);
  if (function != kSoftmax && function != kSigmoid) {
    refuse(hp, fmt::format("expert_gating_func is {}: neither softmax (1) nor sigmoid (2)", function));
  }
  ExpertsVariant experts{.length = length_of_experts(hp)};
  if (hp.find("expert_weights_norm").value_or(0) != 0) experts.weights = ExpertWeights::normalised;
  experts.shared_expert_length = experts.length * count(hp, "expert_shared_count", 0);
  experts.is_shared_expert_gated = false;
  experts.first_block = count(hp, "leading_dense_block_count", 0);
  experts.has_sigmoids = function == kSigmoid;
  experts.choice = choice_of(hp);
  experts.weight_scale = hp.find("expert_weights_scale").value_or(1);
  return experts;
}

void build(const HyperParameters& hp, PlanBuilder& b) {
  if (hp.find("attention.temperature_scale").value_or(0) != 0) {
    refuse(hp, "queries that grow with the position (attention.temperature_scale)");
  }
  DecoderVariant variant;
  variant.experts = experts_of(hp);
  variant.attention = LatentAttention(hp, b);
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {kExpertLength,
                            {"expert_shared_count", OwnKey::Kind::not_negative},
                            {"leading_dense_block_count", OwnKey::Kind::not_negative},
                            {"expert_weights_scale", OwnKey::Kind::positive},
                            {"expert_weights_norm", OwnKey::Kind::flag},
                            {"expert_gating_func", OwnKey::Kind::count},
                            {"expert_group_count", OwnKey::Kind::count},
                            {"expert_group_used_count", OwnKey::Kind::count},
                            {"attention.q_lora_rank", OwnKey::Kind::count},
                            {"attention.kv_lora_rank", OwnKey::Kind::count},
                            {"attention.key_length_mla", OwnKey::Kind::count},
                            {"attention.value_length_mla", OwnKey::Kind::count},
                            {"attention.temperature_scale", OwnKey::Kind::not_negative}};

}  // namespace

const Architecture kDeepseek2 = {"deepseek2", build, {.keys = kKeys, .may_values_differ = true}};

}  // namespace assay::model
