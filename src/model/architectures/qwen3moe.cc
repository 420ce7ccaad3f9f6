// Qwen3 with experts: the feed-forward part of Qwen3 becomes a mixture, whose weights add up to 1 (norm_topk_prob,
// which GGUF has no key for; all released models have it). Qwen Team 2025, arXiv 2505.09388.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.qk_norm = QkNorm::heads;
  variant.experts = ExpertsVariant{.length = length_of_experts(hp), .weights = ExpertWeights::normalised};
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {kExpertLength};

}  // namespace

const Architecture kQwen3Moe = {"qwen3moe", build, {kKeys}};

}  // namespace assay::model
