// The decoder that most families share: blocks of attention and a gated feed-forward part, each behind a norm and added
// to the stream, then a norm and the output matrix. Touvron et al. 2023, arXiv 2302.13971 and 2307.09288; grouped heads
// as in Ainslie et al. 2023, arXiv 2305.13245. What differs between the families is said in a DecoderVariant.
//
// Per block: x += Wo attention(rope(Wq n), rope(Wk n), Wv n) with n = norm(x), then x += Wdown(f(Wgate m) * Wup m) with
// m = norm(x). The head is output.weight, or the embedding table when that is absent. Any projection may have a bias.
//
// With experts (Jiang et al. 2024, arXiv 2401.04088) the second part is x += sum_e w_e Wdown_e(f(Wgate_e m) * Wup_e m)
// over the experts e of largest p = softmax(Wrouter m), with w = p, perhaps divided by their sum.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "model/hyper_parameters.h"
#include "model/plan.h"
#include "model/plan_builder.h"

namespace assay::model {

/// A mixture of experts in the place of the feed-forward part.
struct ExpertsVariant {
  std::size_t length;                    ///< width of an expert
  bool are_weights_normalised = false;   ///< the weights of a token's experts add up to 1
  std::size_t shared_expert_length = 0;  ///< width of one more expert, which all tokens use behind a gate; 0: none
};

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
  std::optional<ExpertsVariant> experts;
};

/// The keys of mixtures of experts that say how wide these are.
inline constexpr OwnKey kExpertLength = {"expert_feed_forward_length", OwnKey::Kind::count};
inline constexpr OwnKey kSharedExpertLength = {"expert_shared_feed_forward_length", OwnKey::Kind::count};

/// What kExpertLength says; where it is absent, an equal part of feed_forward_length for each expert used.
std::size_t length_of_experts(const HyperParameters& hyper_parameters);

/// Adds all steps. Throws Error{unsupported} for experts where the variant has none, Error{input} for the reverse.
void build_decoder(const HyperParameters& hyper_parameters, const DecoderVariant& variant, PlanBuilder& builder);

}  // namespace assay::model
