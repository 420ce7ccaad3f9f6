// Gemma 2: embeddings times sqrt(width), norms before and after each part, GELU, soft caps on scores and logits, and a
// sliding window in every other block, the first among them. Gemma Team 2024, arXiv 2408.00118. Norms multiply by 1 + w
// there; GGUF files hold the sum.
//
// GGUF has no key for the scale of the scores, 1 / sqrt(query_pre_attn_scalar). That is the head width, but for the
// model of 27 B parameters (46 blocks), where it is width / heads.
#include <cmath>

#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

constexpr std::size_t kBlocksOf27B = 46;

// Where a file does not say.
constexpr double kWindow = 4096;
constexpr double kScoreCap = 50;
constexpr double kLogitCap = 30;

void build(const HyperParameters& hp, PlanBuilder& b) {
  const auto width = static_cast<double>(hp.embedding_length);
  DecoderVariant variant;
  variant.activation = Activation::gelu_tanh;
  variant.has_post_norms = true;
  variant.embedding_scale = std::sqrt(width);
  if (hp.block_count == kBlocksOf27B) variant.attention_scale = std::sqrt(static_cast<double>(hp.head_count) / width);
  variant.attention_soft_cap = hp.find("attn_logit_softcapping").value_or(kScoreCap);
  variant.final_soft_cap = hp.find("final_logit_softcapping").value_or(kLogitCap);
  const auto window = static_cast<std::size_t>(hp.find("attention.sliding_window").value_or(kWindow));
  for (std::size_t block = 0; block < hp.block_count; ++block) variant.windows.push_back(block % 2 == 0 ? window : 0);
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {{"attention.sliding_window", OwnKey::Kind::count},
                            {"attn_logit_softcapping", OwnKey::Kind::positive},
                            {"final_logit_softcapping", OwnKey::Kind::positive}};

}  // namespace

const Architecture kGemma2 = {"gemma2", build, {kKeys}};

}  // namespace assay::model
