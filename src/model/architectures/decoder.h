// The decoder that most families share: blocks of attention and a gated feed-forward part, each behind a norm and added
// to the stream, then a norm and the output matrix. Touvron et al. 2023, arXiv 2302.13971 and 2307.09288; grouped heads
// as in Ainslie et al. 2023, arXiv 2305.13245. What differs between the families is said in a DecoderVariant.
//
// Per block: x += Wo attention(rope(Wq n), rope(Wk n), Wv n) with n = norm(x), then x += Wdown(f(Wgate m) * Wup m) with
// m = norm(x). The head is output.weight, or the embedding table when that is absent. Any projection may have a bias.
// With is_parallel, x += Wo attention(...) + Wdown(...) with m = n: Wang and Komatsuzaki 2021 (GPT-J).
// Where there is no attn_q, the rows of q, k and v follow each other in attn_qkv.
//
// With experts (Jiang et al. 2024, arXiv 2401.04088) the second part is x += sum_e w_e Wdown_e(f(Wgate_e m) * Wup_e m)
// over the experts e of largest p = softmax(Wrouter m), with w = p, perhaps divided by their sum.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/hyper_parameters.h"
#include "model/plan.h"
#include "model/plan_builder.h"
#include "model/rope.h"

namespace assay::model {

/// What the experts that a token chose are weighted with.
enum class ExpertWeights {
  probabilities,      ///< the softmax over all experts
  normalised,         ///< the same, divided by the sum over the chosen
  softmax_of_chosen,  ///< the softmax over the chosen ones' scores
};

/// A mixture of experts in the place of the feed-forward part.
struct ExpertsVariant {
  std::size_t length;  ///< width of an expert
  ExpertWeights weights = ExpertWeights::probabilities;
  std::size_t shared_expert_length = 0;  ///< width of one more expert, which all tokens use; 0: none
  bool is_shared_expert_gated = true;
  std::size_t first_block = 0;  ///< those before it have a feed-forward part
  bool has_sigmoids = false;    ///< in the place of the softmax over all experts
  TopK choice = {};             ///< by what exp_probs_b adds to the probabilities, where there is such a tensor
  double weight_scale = 1;
};

/// How q and k are normed before they are rotated.
enum class QkNorm {
  none,
  heads,  ///< every head by itself, all with the same weights
  whole,  ///< all heads together
};

struct DecoderVariant {
  RopePairing pairing = RopePairing::halves;
  Activation activation = Activation::silu;
  bool needs_qkv_biases = false;  ///< elsewhere they are optional
  QkNorm qk_norm = QkNorm::none;
  bool has_layer_norms = false;  ///< LayerNorm before the parts and at the end, not RMSNorm
  bool has_norm_biases = true;   ///< of LayerNorms
  bool has_pre_norms = true;
  bool is_parallel = false;         ///< the feed-forward part reads what attention reads
  bool has_post_norms = false;      ///< what attention and feed-forward add to the stream is normed too
  bool has_gate = true;             ///< else Wdown f(Wup m)
  bool has_gate_in_ffn_up = false;  ///< the rows of the gate stand before those of up, in ffn_up
  double embedding_scale = 1;
  double residual_scale = 1;  ///< of what attention and feed-forward add to the stream
  double logit_scale = 1;
  double attention_scale = 0;        ///< 0: 1 / sqrt(head width)
  double attention_soft_cap = 0;     ///< 0: none
  double final_soft_cap = 0;         ///< 0: none
  std::vector<std::size_t> windows;  ///< of the blocks' attention, 0: all positions; empty: all of them 0
  std::string rope_factors = "rope_freqs.weight";
  std::optional<RopeTable> window_rope;  ///< of blocks with a window; absent: as the others
  PositionScale query_growth = {0, 1};   ///< of rotated queries; growth 0: none
  std::size_t unrotated_every = 0;       ///< every so many blocks the last of them is not rotated; 0: all are rotated
  std::optional<ExpertsVariant> experts;
  bool has_sinks = false;                      ///< of attention
  std::string feed_forward_norm = "ffn_norm";  ///< its tensor's name
  /// What attn_output multiplies, made of what attention reads; empty: the heads of q, k and v.
  std::function<ValueId(const std::string& blk, std::size_t block, ValueId read)> attention;
};

/// Of families whose blocks have a sliding window but for the last of every so many.
inline constexpr OwnKey kWindow = {"attention.sliding_window", OwnKey::Kind::count};
inline constexpr OwnKey kWindowPeriod = {"attention.sliding_window_pattern", OwnKey::Kind::period};

/// What kWindowPeriod says; `usual` where it is absent.
std::size_t window_period(const HyperParameters& hyper_parameters, std::size_t usual);

/// Their windows, of kWindow; 0: none.
std::vector<std::size_t> windows_but_every(std::size_t period, const HyperParameters& hyper_parameters);

/// The keys of mixtures of experts that say how wide these are.
inline constexpr OwnKey kExpertLength = {"expert_feed_forward_length", OwnKey::Kind::count};
inline constexpr OwnKey kSharedExpertLength = {"expert_shared_feed_forward_length", OwnKey::Kind::count};

/// What kExpertLength says; where it is absent, an equal part of feed_forward_length for each expert used.
std::size_t length_of_experts(const HyperParameters& hyper_parameters);

/// Adds all steps. Throws Error{unsupported} for experts where the variant has none, Error{input} for the reverse.
void build_decoder(const HyperParameters& hyper_parameters, const DecoderVariant& variant, PlanBuilder& builder);

}  // namespace assay::model
