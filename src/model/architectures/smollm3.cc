// SmolLM3: Llama whose every fourth block is not rotated. Bakouch et al. 2025, SmolLM3: smol, multilingual,
// long-context reasoner; Yang et al. 2025 (RoPE to NoPE and back again), arXiv 2501.18795. GGUF has no key for the
// step.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.pairing = RopePairing::neighbours;
  variant.unrotated_every = 4;
  build_decoder(hp, variant, b);
}

}  // namespace

const Architecture kSmollm3 = {"smollm3", build};

}  // namespace assay::model
