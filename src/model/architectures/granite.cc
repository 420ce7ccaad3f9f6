// Granite 3 and 4: Llama with four factors, of embeddings, of what attention and feed-forward add to the stream, of
// scores and of logits; perhaps without any rotation, and perhaps a mixture of experts, with one more that all tokens
// use. Granite Team 2024, Granite 3.0 Language Models; the factors are those of Yang et al. 2022, arXiv 2203.03466.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.pairing = RopePairing::neighbours;
  // Converters say by this key whether anything is rotated.
  if (hp.find("rope.scaling.finetuned") == 0.0) variant.unrotated_every = 1;
  variant.embedding_scale = hp.find("embedding_scale").value_or(1);
  variant.residual_scale = hp.find("residual_scale").value_or(1);
  variant.attention_scale = hp.find("attention.scale").value_or(0);
  variant.logit_scale = 1 / hp.find("logit_scale").value_or(1);
  if (hp.expert_count > 0) {
    variant.experts = ExpertsVariant{.length = hp.feed_forward_length, .weights = ExpertWeights::normalised};
    variant.experts->shared_expert_length = static_cast<std::size_t>(hp.find(kSharedExpertLength.name).value_or(0));
    variant.experts->is_shared_expert_gated = false;
  }
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{"embedding_scale", OwnKey::Kind::positive},    {"residual_scale", OwnKey::Kind::positive},
                            {"attention.scale", OwnKey::Kind::positive},    {"logit_scale", OwnKey::Kind::positive},
                            {"rope.scaling.finetuned", OwnKey::Kind::flag}, kSharedExpertLength};

}  // namespace

const Architecture kGranite = {"granite", build, {kKeys}};
const Architecture kGraniteMoe = {"granitemoe", build, {kKeys}};

}  // namespace assay::model
