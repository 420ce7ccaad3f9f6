// Command R7B and Command A: Command R with a sliding window in three blocks of four; only those are rotated. Cohere
// 2025, arXiv 2504.00698.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

constexpr double kPattern = 4;  // where a file does not say

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.pairing = RopePairing::neighbours;
  variant.has_layer_norms = true;
  variant.has_norm_biases = false;
  variant.is_parallel = true;
  variant.logit_scale = hp.find("logit_scale").value_or(1);
  const auto window = static_cast<std::size_t>(hp.find("attention.sliding_window").value_or(0));
  variant.unrotated_every = static_cast<std::size_t>(hp.find("attention.sliding_window_pattern").value_or(kPattern));
  for (std::size_t block = 0; block < hp.block_count; ++block) {
    variant.windows.push_back((block + 1) % variant.unrotated_every == 0 ? 0 : window);
  }
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{"logit_scale", OwnKey::Kind::positive},
                            {"attention.sliding_window", OwnKey::Kind::count},
                            {"attention.sliding_window_pattern", OwnKey::Kind::count}};

}  // namespace

const Architecture kCohere2 = {"cohere2", build, {kKeys, "attention.layer_norm_epsilon"}};

}  // namespace assay::model
