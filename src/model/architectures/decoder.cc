#include "model/architectures/decoder.h"

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
    const std::size_t width = hp_.feed_forward_length;
    const ValueId normed = b_.rms_norm(blk + "ffn_norm", x, blk + "ffn_norm", hp_.norm_epsilon);
    const ValueId gate = b_.linear(blk + "ffn_gate", normed, blk + "ffn_gate", width);
    const ValueId up = b_.linear(blk + "ffn_up", normed, blk + "ffn_up", width);
    const ValueId activated = b_.add_step(blk + "ffn_act", width, GatedActivation{variant_.activation}, {gate, up});
    const ValueId out = b_.linear(blk + "ffn_out", activated, blk + "ffn_down", hp_.embedding_length);
    return added(blk + "out", x, out, blk + "ffn_post_norm", blk + "post_ffw_norm");
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

void build_decoder(const HyperParameters& hp, const DecoderVariant& variant, PlanBuilder& builder) {
  if (hp.expert_count > 0) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: a mixture of {} experts ({}.expert_count), which is not supported", hp.source,
                            hp.expert_count, hp.architecture),
                "Take a dense model of the same family.");
  }
  Decoder(hp, variant, builder).build();
}

}  // namespace assay::model
