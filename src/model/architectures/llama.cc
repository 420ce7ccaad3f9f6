// Llama and what is built like it under the same name: TinyLlama, Mistral, SmolLM. Converters permute q and k so that
// rotary pairs are neighbours.
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

const Architecture kLlama = {"llama", build};

}  // namespace assay::model
