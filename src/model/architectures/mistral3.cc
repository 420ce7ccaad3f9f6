// Mistral Small 3.1 and Ministral 3: Llama whose queries grow with the position, step by step from the context on that
// the model was first trained for: the attention temperature of Llama 4, after Nakanishi 2025, arXiv 2501.19399.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.pairing = RopePairing::neighbours;
  variant.query_growth = {hp.find("attention.temperature_scale").value_or(0), hp.rope_scaling_original_context_length};
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{"attention.temperature_scale", OwnKey::Kind::not_negative}};

}  // namespace

const Architecture kMistral3 = {"mistral3", build, {kKeys}};

}  // namespace assay::model
