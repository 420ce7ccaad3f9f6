// The decoder that most families share: blocks of attention and a gated feed-forward part, each behind a norm and added
// to the stream, then a norm and the output matrix. Touvron et al. 2023, arXiv 2302.13971 and 2307.09288; grouped heads
// as in Ainslie et al. 2023, arXiv 2305.13245. What differs between the families is said in a DecoderVariant.
//
// Per block: x += Wo attention(rope(Wq n), rope(Wk n), Wv n) with n = norm(x), then x += Wdown(f(Wgate m) * Wup m) with
// m = norm(x). The head is output.weight, or the embedding table when that is absent. Any projection may have a bias.
#pragma once

#include <cstddef>
#include <vector>

#include "model/hyper_parameters.h"
#include "model/plan.h"
#include "model/plan_builder.h"

namespace assay::model {

struct DecoderVariant {
  RopePairing pairing = RopePairing::halves;
  Activation activation = Activation::silu;
  bool needs_qkv_biases = false;  ///< elsewhere they are optional
  bool has_qk_norms = false;      ///< every head of q and of k is normed before it is rotated
  bool has_post_norms = false;    ///< what attention and feed-forward add to the stream is normed too
  double embedding_scale = 1;
  double attention_scale = 0;        ///< 0: 1 / sqrt(head width)
  double attention_soft_cap = 0;     ///< 0: none
  double final_soft_cap = 0;         ///< 0: none
  std::vector<std::size_t> windows;  ///< of the blocks' attention, 0: all positions; empty: all of them 0
};

/// Adds all steps. Throws Error{unsupported} for a mixture of experts.
void build_decoder(const HyperParameters& hyper_parameters, const DecoderVariant& variant, PlanBuilder& builder);

}  // namespace assay::model
