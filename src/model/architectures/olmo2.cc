// OLMo 2: norms behind attention and feed-forward and none before them, and a norm over all heads of q and of k
// together. OLMo Team 2024, arXiv 2501.00656.
//
// OLMo 3 comes under the same name, with windows and another rotation where they are.
#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

void build(const HyperParameters& hp, PlanBuilder& b) {
  if (hp.find("attention.sliding_window")) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: has olmo2.attention.sliding_window: OLMo 3, which is not supported", hp.source),
                "Take a model of the family OLMo 2.");
  }
  DecoderVariant variant;
  variant.qk_norm = QkNorm::whole;
  variant.has_pre_norms = false;
  variant.has_post_norms = true;
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{"attention.sliding_window", OwnKey::Kind::count}};

}  // namespace

const Architecture kOlmo2 = {"olmo2", build, {kKeys}};

}  // namespace assay::model
