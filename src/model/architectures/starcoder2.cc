// StarCoder 2: LayerNorm, biases everywhere, and a feed-forward part without a gate. Lozhkov et al. 2024, arXiv
// 2402.19173. Its sliding window of 4096 is not in GGUF files.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.activation = Activation::gelu_tanh;
  variant.needs_qkv_biases = true;
  variant.has_layer_norms = true;
  variant.has_gate = false;
  build_decoder(hp, variant, b);
}

}  // namespace

const Architecture kStarcoder2 = {"starcoder2", build, {{}, "attention.layer_norm_epsilon"}};

}  // namespace assay::model
