// Qwen3, dense: a norm over each head of q and k in the place of Qwen2's biases. Qwen Team 2025, arXiv 2505.09388; the
// norm is that of Dehghani et al. 2023, arXiv 2302.05442, as RMSNorm.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.qk_norm = QkNorm::heads;
  build_decoder(hp, variant, b);
}

}  // namespace

const Architecture kQwen3 = {"qwen3", build};

}  // namespace assay::model
