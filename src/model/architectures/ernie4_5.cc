// ERNIE 4.5, the dense models: Llama's blocks, whose rotated pairs are neighbours because the authors trained them so.
// Baidu ERNIE Team 2025, ERNIE 4.5 Technical Report.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.pairing = RopePairing::neighbours;
  build_decoder(hp, variant, b);
}

}  // namespace

const Architecture kErnie45 = {"ernie4_5", build};

}  // namespace assay::model
