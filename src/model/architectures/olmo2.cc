// OLMo 2 and 3: norms behind attention and feed-forward and none before them, and a norm over all heads of q and of k
// together. OLMo Team 2024, arXiv 2501.00656.
//
// Files of OLMo 3 name a window, which three blocks of four have; these turn by plain frequencies, whatever scaling the
// others have. OLMo Team 2025, arXiv 2512.13961.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

constexpr std::size_t kPeriod = 4;  // where a file does not say

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.qk_norm = QkNorm::whole;
  variant.has_pre_norms = false;
  variant.has_post_norms = true;
  variant.windows = windows_but_every(window_period(hp, kPeriod), hp);
  variant.window_rope = plain_rope_table(hp, hp.rope_freq_base);
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {kWindow, kWindowPeriod};

}  // namespace

const Architecture kOlmo2 = {"olmo2", build, {kKeys}};

}  // namespace assay::model
