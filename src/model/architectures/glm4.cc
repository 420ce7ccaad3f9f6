// GLM-4: norms before and after attention and feed-forward, biases on q, k and v where a file has them, gate and up in
// one tensor, and only some channels of a head rotated. GLM Team 2024, arXiv 2406.12793.
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

constexpr std::string_view kSections = "rope.dimension_sections";

void build(const HyperParameters& hp, PlanBuilder& b) {
  if (hp.find(kSections)) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: has glm4.{}: positions in images, which are not supported", hp.source, kSections),
                "Take a text model of the same family.");
  }
  DecoderVariant variant;
  variant.pairing = RopePairing::neighbours;
  variant.has_post_norms = true;
  variant.has_gate_in_ffn_up = true;
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{kSections, OwnKey::Kind::present}};

}  // namespace

const Architecture kGlm4 = {"glm4", build, {kKeys}};

}  // namespace assay::model
