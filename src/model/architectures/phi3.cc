// Phi-3, Phi-3.5 and Phi-4: q, k and v in one tensor, gate and up in another, and only some channels of a head rotated.
// Abdin et al. 2024, arXiv 2404.14219. Models of long contexts divide rotary frequencies by one of two tensors of
// factors: a short one for texts within the context that the model was first trained for, a long one for others. Ding
// et al. 2024 (LongRoPE), arXiv 2402.13753.
//
// A plan has one set of frequencies: the short one, and positions end where it does. Where a file names a window, every
// block has it; 0 is none (Phi-4).
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

constexpr const char* kShortFactors = "rope_factors_short.weight";

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.has_gate_in_ffn_up = true;
  if (const auto window = hp.find("attention.sliding_window")) {
    variant.windows.assign(hp.block_count, static_cast<std::size_t>(*window));
  }
  if (b.has(kShortFactors)) {
    variant.rope_factors = kShortFactors;
    b.limit_context(hp.rope_scaling_original_context_length);
  }
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{"attention.sliding_window", OwnKey::Kind::not_negative}};

}  // namespace

const Architecture kPhi3 = {"phi3", build, {kKeys}};

}  // namespace assay::model
