// Gemma 3: Gemma 2 with a norm over each head of q and k in the place of its soft caps. Gemma Team 2025, arXiv
// 2503.19786. Five blocks with a sliding window are followed by one without; the windowed ones rotate by a base of
// their own and are not scaled to longer contexts.
//
// GGUF has no key for the scale of the scores: 1 / sqrt(head width), but for the model of 27 B parameters (62 blocks),
// where it is 1 / sqrt(width / heads). Files without a window are of models without one.
#include <cmath>

#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

constexpr std::size_t kBlocksOf27B = 62;

// Where a file does not say.
constexpr std::size_t kPeriod = 6;
constexpr double kWindowBase = 10000;

void build(const HyperParameters& hp, PlanBuilder& b) {
  const auto width = static_cast<double>(hp.embedding_length);
  DecoderVariant variant;
  variant.activation = Activation::gelu_tanh;
  variant.qk_norm = QkNorm::heads;
  variant.has_post_norms = true;
  variant.embedding_scale = std::sqrt(width);
  if (hp.block_count == kBlocksOf27B) variant.attention_scale = std::sqrt(static_cast<double>(hp.head_count) / width);
  variant.final_soft_cap = hp.find("final_logit_softcapping").value_or(0);
  variant.windows = windows_but_every(window_period(hp, kPeriod), hp);
  variant.window_rope = plain_rope_table(hp, hp.find("rope.freq_base_swa").value_or(kWindowBase));
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {kWindow,
                            kWindowPeriod,
                            {"rope.freq_base_swa", OwnKey::Kind::positive},
                            {"final_logit_softcapping", OwnKey::Kind::positive}};

}  // namespace

const Architecture kGemma3 = {"gemma3", build, {kKeys}};

}  // namespace assay::model
