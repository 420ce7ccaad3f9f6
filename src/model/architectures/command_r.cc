// Command R and Aya: a LayerNorm without biases a block, which attention and feed-forward both read, and a factor of
// the logits. Cohere 2024, Command R; both parts side by side as in Chowdhery et al. 2022 (PaLM), arXiv 2204.02311.
#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  if (b.has("blk.0.attn_q_norm.weight")) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: has blk.0.attn_q_norm.weight: Command R+, whose heads are normed each with weights of "
                            "its own, which is not supported",
                            hp.source),
                "Take a model of the same family without such norms, for example Command R.");
  }
  DecoderVariant variant;
  variant.pairing = RopePairing::neighbours;
  variant.has_layer_norms = true;
  variant.has_norm_biases = false;
  variant.is_parallel = true;
  variant.logit_scale = hp.find("logit_scale").value_or(1);
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{"logit_scale", OwnKey::Kind::positive}};

}  // namespace

const Architecture kCommandR = {"command-r", build, {kKeys, "attention.layer_norm_epsilon"}};

}  // namespace assay::model
