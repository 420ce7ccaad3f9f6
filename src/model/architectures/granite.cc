// Granite 3 and 4, dense: Llama with four factors, of embeddings, of what attention and feed-forward add to the stream,
// of scores and of logits. Granite Team 2024, Granite 3.0 Language Models; the factors are those of Yang et al. 2022,
// arXiv 2203.03466.
#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  // Converters say by this key that nothing is rotated.
  if (hp.find("rope.scaling.finetuned") == 0.0) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: granite.rope.scaling.finetuned is false: without rotary embedding, which is not "
                            "supported",
                            hp.source));
  }
  DecoderVariant variant;
  variant.pairing = RopePairing::neighbours;
  variant.embedding_scale = hp.find("embedding_scale").value_or(1);
  variant.residual_scale = hp.find("residual_scale").value_or(1);
  variant.attention_scale = hp.find("attention.scale").value_or(0);
  variant.logit_scale = 1 / hp.find("logit_scale").value_or(1);
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{"embedding_scale", OwnKey::Kind::positive},
                            {"residual_scale", OwnKey::Kind::positive},
                            {"attention.scale", OwnKey::Kind::positive},
                            {"logit_scale", OwnKey::Kind::positive},
                            {"rope.scaling.finetuned", OwnKey::Kind::flag}};

}  // namespace

const Architecture kGranite = {"granite", build, {kKeys}};

}  // namespace assay::model
