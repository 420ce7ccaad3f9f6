// Llama and what is built like it under the same name: TinyLlama, Mistral, SmolLM, Mixtral with its experts. Converters
// permute q and k so that rotary pairs are neighbours.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.pairing = RopePairing::neighbours;
  if (hp.expert_count > 0)
    variant.experts = ExpertsVariant{.length = hp.feed_forward_length, .weights = ExpertWeights::normalised};
  build_decoder(hp, variant, b);
}

}  // namespace

const Architecture kLlama = {"llama", build};

}  // namespace assay::model
