// Command R7B and Command A: Command R with a sliding window in three blocks of four; only those are rotated. Cohere
// 2025, arXiv 2504.00698.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

constexpr std::size_t kPeriod = 4;  // where a file does not say

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.pairing = RopePairing::neighbours;
  variant.has_layer_norms = true;
  variant.has_norm_biases = false;
  variant.is_parallel = true;
  variant.logit_scale = hp.find("logit_scale").value_or(1);
  variant.unrotated_every = window_period(hp, kPeriod);
  variant.windows = windows_but_every(variant.unrotated_every, hp);
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{"logit_scale", OwnKey::Kind::positive}, kWindow, kWindowPeriod};

}  // namespace

const Architecture kCohere2 = {"cohere2", build, {kKeys, "attention.layer_norm_epsilon"}};

}  // namespace assay::model
