// Command R and Aya: a LayerNorm without biases a block, which attention and feed-forward both read, and a factor of
// the logits. Cohere 2024, Command R; both parts side by side as in Chowdhery et al. 2022 (PaLM), arXiv 2204.02311.
//
// Command R7B and Command A (cohere2): with a sliding window in three blocks of four; only those are rotated. Cohere
// 2025, arXiv 2504.00698.
#include <span>

#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

constexpr std::size_t kPeriod = 4;  // where a file does not say

DecoderVariant variant_of(const HyperParameters& hp) {
  DecoderVariant variant;
  variant.pairing = RopePairing::neighbours;
  variant.has_layer_norms = true;
  variant.has_norm_biases = false;
  variant.is_parallel = true;
  variant.logit_scale = hp.find("logit_scale").value_or(1);
  return variant;
}

void build_command_r(const HyperParameters& hp, PlanBuilder& b) {
  if (b.has("blk.0.attn_q_norm.weight")) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: has blk.0.attn_q_norm.weight: Command R+, whose heads are normed each with weights of "
                            "its own, which is not supported",
                            hp.source),
                "Take a model of the same family without such norms, for example Command R.");
  }
  build_decoder(hp, variant_of(hp), b);
}

void build_cohere2(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant = variant_of(hp);
  variant.unrotated_every = window_period(hp, kPeriod);
  variant.windows = windows_but_every(variant.unrotated_every, hp);
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{"logit_scale", OwnKey::Kind::positive}, kWindow, kWindowPeriod};

}  // namespace

const Architecture kCommandR = {
    "command-r", build_command_r, {std::span(kKeys).first(1), "attention.layer_norm_epsilon"}};
const Architecture kCohere2 = {"cohere2", build_cohere2, {kKeys, "attention.layer_norm_epsilon"}};

}  // namespace assay::model
