// Qwen1.5 and Qwen2 with experts: biases as in Qwen2, weights that are not normalised, and one expert that all tokens
// use, times the sigmoid of a score of its own. Qwen Team 2024, arXiv 2407.10671, section 2.2.2.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.needs_qkv_biases = true;
  const double shared = hp.find(kSharedExpertLength.name).value_or(static_cast<double>(hp.feed_forward_length));
  variant.experts =
      ExpertsVariant{.length = length_of_experts(hp), .shared_expert_length = static_cast<std::size_t>(shared)};
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {kExpertLength, kSharedExpertLength};

}  // namespace

const Architecture kQwen2Moe = {"qwen2moe", build, {kKeys}};

}  // namespace assay::model
