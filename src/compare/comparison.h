// What a comparison of a reference model with candidates found. Filled by the files of this room, shown by report/
// (terminal, JSON, page). Formulas are in metrics.h; logarithms are natural, so KL is in nats.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace assay::compare {

/// A mean over a text. Positions of one chunk go together, so its standard error is that of a block bootstrap over
/// chunks (statistics.h).
struct Estimate {
  double mean = 0;
  double standard_error = 0;
  double independent_error = 0;  ///< what it would be if positions were independent, as llama-perplexity has it
};

/// How a quantity is spread over the positions of a text.
struct Spread {
  Estimate mean;
  double median = 0;
  double p90 = 0;
  double p99 = 0;
  double p999 = 0;
  double max = 0;
};

struct ModelSummary {
  std::string model;         ///< as the user named it
  std::string architecture;  ///< general.architecture
  std::string file_type;     ///< "Q4_K_M" from general.file_type, or the type that holds most bytes
  std::uint64_t size_bytes = 0;
  double bits_per_weight = 0;
};

/// One scored position of the text.
struct TextPosition {
  std::int32_t token = 0;        ///< the token that was predicted here
  std::uint32_t chunk = 0;       ///< its chunk
  std::uint32_t position = 0;    ///< of `token` in the chunk
  float kl = 0;                  ///< KL(reference | candidate)
  float reference_log_prob = 0;  ///< of `token`
  float candidate_log_prob = 0;  ///< of `token`
  float reference_margin = 0;    ///< the reference's top-1 logit minus its top-2
  std::int32_t reference_top = 0;
  std::int32_t candidate_top = 0;
  bool near_tie = false;  ///< a flip whose reference_margin is below the candidate's typical logit error
  bool is_flip() const { return reference_top != candidate_top; }
};

struct TextResult {
  std::size_t positions = 0;
  Estimate perplexity;        ///< exp of the mean; the error is the standard error of ln(perplexity) times perplexity
  Estimate perplexity_ratio;  ///< to the reference's
  Spread kl;
  Estimate top1_agreement;                ///< share of positions, 0..1
  std::size_t flips = 0;                  ///< positions whose top token changed, near ties not counted
  std::size_t near_ties = 0;              ///< flips that are near ties
  double typical_logit_error = 0;         ///< median over positions of rms(candidate - reference logits, means removed)
  Estimate log_prob_difference;           ///< candidate's minus reference's log-probability of the true token
  double rms_probability_difference = 0;  ///< of the true token's probability
};

/// One tap of the candidate against the reference's, over all rows that were seen. Each row is measured relative to its
/// own |reference|; rows are joined by root mean square (tap_meter.h).
struct TapDrift {
  std::string tap;          ///< "blk.3.q"
  int layer = -1;           ///< -1: outside the layers
  std::string operation;    ///< "linear", "attention", ... of the step that writes it
  std::string weight;       ///< the tensor of that step, or empty
  std::string weight_type;  ///< its type in the candidate
  double relative_error = 0;
  double cosine = 1;   ///< mean over rows
  double sqnr_db = 0;  ///< of relative_error; infinite when there is no error
  double rms_reference = 0;
  double rms_candidate = 0;
  double introduced = 0;  ///< relative error of this step with the candidate's weights on the reference's inputs
  double inherited = 0;   ///< the same of the candidate's values less those: what came in already wrong
  int worst_channel = 0;  ///< where |candidate - reference| is largest
};

/// A channel of the residual stream that stands far above the others: above 100, and above 1000 times the median
/// magnitude of its layer's output ("massive activation", Sun et al. 2024, arXiv 2402.17762).
struct MassiveChannel {
  std::string tap;  ///< where it is largest
  int channel = 0;
  std::uint32_t position = 0;
  double value = 0;  ///< in the reference
  double candidate = 0;
  double median = 0;      ///< of |values| of that tap in the reference, over tokens and channels
  std::string first_tap;  ///< where it is massive first, and last
  std::string last_tap;
};

/// Is the drift normal? Growth of the residual stream and what stands out in it.
struct Growth {
  double reference = 0;  ///< a token's rms in the last layer's output over that in the first's; the tokens' median each
  double candidate = 0;
  std::vector<MassiveChannel> massive_channels;  ///< largest first
  std::vector<std::string> verdict;              ///< sentences
};

/// A token near the top of a prompt's next-token distribution.
struct TopToken {
  std::int32_t token = 0;
  std::string piece;
  double reference_logit = 0;
  double reference_log_prob = 0;
  int reference_rank = 0;  ///< 1 is the top
  double candidate_logit = 0;
  double candidate_log_prob = 0;
  int candidate_rank = 0;
};

/// What a group of tensors is: one tensor, all of a layer, all of a kind ("attn_v"), or the worst ones together.
enum class GroupKind { tensor, layer, kind, together };

/// A group of tensors put back to the reference's precision, and what the flip did then (a real run, not an estimate).
struct Attribution {
  GroupKind group = GroupKind::tensor;
  std::string name;  ///< "blk.3.attn_v.weight", "blk.3", "attn_v", "3 worst"
  std::vector<std::string> tensors;
  double estimate = 0;  ///< what share of the margin's change it was expected to undo; chose what to run (put_back.h)
  double margin = 0;    ///< logit of the reference's token minus the best other, with these tensors put back
  bool flips_back = false;
};

/// A position of a prompt (or of its continuation) where the candidate's top token is not the reference's.
struct Flip {
  std::uint32_t position = 0;  ///< of the token that is predicted, counted over the prompt and its continuation
  std::string context;         ///< the end of the text before it
  std::int32_t reference_token = 0;
  std::string reference_piece;
  std::int32_t candidate_token = 0;
  std::string candidate_piece;
  double reference_margin = 0;  ///< reference: its token's logit minus the candidate's token's
  double candidate_margin = 0;  ///< candidate: its token's logit minus the reference's token's
  bool near_tie = false;
  std::vector<Attribution> attribution;  ///< culprits first
};

/// A candidate on a prompt and its continuation, which is the reference's own.
struct PromptResult {
  std::string failure;             ///< where its logits are not finite, and which weight; nothing else is set then
  std::vector<TopToken> top;       ///< behind the prompt: the reference's first ones and the candidate's first, by rank
  std::size_t positions = 0;       ///< that were compared
  double typical_logit_error = 0;  ///< median over them, as in TextResult
  std::vector<Flip> flips;         ///< in order, near ties among them
};

/// What putting one tensor (or group) back to the reference's precision is worth on the text, worst first.
struct Culprit {
  GroupKind group = GroupKind::tensor;
  std::string name;  ///< as in Attribution
  std::vector<std::string> tensors;
  double kl = 0;        ///< mean KL with these put back
  double kl_share = 0;  ///< how much of the candidate's KL on the same chunks goes away; below 0 where it grows
};

struct CandidateResult {
  ModelSummary summary;
  std::string failure;  ///< where its logits on the text are not finite, and which weight; `text` is empty
  std::optional<TextResult> text;
  std::vector<TextPosition> positions;  ///< of the text, when asked for (the page shows them)
  std::vector<TapDrift> taps;           ///< in the plan's order
  Growth growth;
  std::optional<PromptResult> prompt;
  std::vector<Culprit> culprits;
  double culprits_kl = 0;           ///< mean KL of the candidate on the chunks that `culprits` are measured on
  std::size_t culprits_chunks = 0;  ///< how many: the first ones of the text
};

struct Comparison {
  ModelSummary reference;
  std::optional<Estimate> reference_perplexity;
  std::string engine;        ///< Engine::description()
  std::string text_name;     ///< file of --text, or empty
  std::string prompt;        ///< of -p, or empty
  std::string continuation;  ///< what the reference says next, greedily
  std::size_t context = 0;   ///< tokens a chunk
  std::size_t chunks = 0;
  std::vector<std::int32_t> tokens;            ///< of all chunks, when positions are kept
  std::map<std::int32_t, std::string> pieces;  ///< bytes of every token in `tokens` and in the positions
  std::vector<CandidateResult> candidates;
};

}  // namespace assay::compare
