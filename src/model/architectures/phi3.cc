// Phi-3, Phi-3.5 and Phi-4: q, k and v in one tensor, gate and up in another, and only some channels of a head rotated.
// Abdin et al. 2024, arXiv 2404.14219. Models of long contexts divide rotary frequencies by one of two tensors of
// factors: a short one for texts within the context that the model was first trained for, a long one for others. Ding
// et al. 2024 (LongRoPE), arXiv 2402.13753.
//
// A plan has one set of frequencies, by the context that was asked for and not by how much of it is filled, as in
// llama.cpp: keys in a cache stay as they were rotated. Where none was asked for it is the short one, and positions end
// where it does. Where a file names a window, every block has it; 0 is none (Phi-4).
#include <fmt/format.h>

#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

constexpr const char* kShortFactors = "rope_factors_short.weight";
constexpr const char* kLongFactors = "rope_factors_long.weight";

/// The tensor of rotary factors.
const char* choose_factors(const HyperParameters& hp, PlanBuilder& b) {
  const std::size_t trained = hp.rope_scaling_original_context_length;
  const bool is_long = b.context_length() > trained;
  if (!is_long) b.limit_context(trained);
  b.add_note(fmt::format("rotary factors: {}, those of contexts of {} {} positions; --ctx chooses",
                         is_long ? kLongFactors : kShortFactors, is_long ? "more than" : "up to", trained));
  return is_long ? kLongFactors : kShortFactors;
}

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.has_gate_in_ffn_up = true;
  if (const auto window = hp.find("attention.sliding_window")) {
    variant.windows.assign(hp.block_count, static_cast<std::size_t>(*window));
  }
  if (b.has(kShortFactors) || b.has(kLongFactors)) {
    for (const char* name : {kShortFactors, kLongFactors}) b.values(name, hp.rope_dimension_count / 2);
    variant.rope_factors = choose_factors(hp, b);
  }
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{"attention.sliding_window", OwnKey::Kind::not_negative}};

}  // namespace

const Architecture kPhi3 = {"phi3", build, {kKeys}};

}  // namespace assay::model
