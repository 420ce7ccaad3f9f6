// Qwen2 and Qwen2.5: biases on q, k and v. Qwen Team 2024, arXiv 2407.10671. Its sliding windows are not in GGUF files,
// because no released model uses them.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.needs_qkv_biases = true;
  build_decoder(hp, variant, b);
}

}  // namespace

const Architecture kQwen2 = {"qwen2", build};

}  // namespace assay::model
