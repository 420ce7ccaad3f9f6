#include "compare/prompt.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "compare/chunks.h"
#include "compare/distribution.h"
#include "compare/logits_check.h"
#include "compare/metrics.h"
#include "compare/statistics.h"

namespace assay::compare {
namespace {

constexpr std::size_t kContextCharacters = 60;

std::size_t index(std::int32_t token) { return static_cast<std::size_t>(token); }

/// The model's word on one position.
struct Row {
  RowMetrics metrics;
  double reference_margin = 0;  // reference: its token over the candidate's
  double candidate_margin = 0;  // candidate: its token over the reference's
};

class Side {
 public:
  Side(const PromptRequest& request, const model::Plan& of, std::size_t context_length)
      : plan(of), engine_(make(request, of, context_length)), sequence_(engine_->add_sequence()) {}

  /// Logits of all these tokens.
  engine::Rows evaluate(std::span<const std::int32_t> tokens) {
    batch_.clear();
    for (const std::int32_t token : tokens) batch_.push_back({token, sequence_, true});
    engine_->evaluate(batch_);
    return engine_->logits();
  }
  const engine::Engine& engine() const { return *engine_; }

  const model::Plan& plan;
  std::vector<Row> rows;
  std::vector<TopToken> top;
  std::string failure;  // not empty: no longer run

 private:
  static std::unique_ptr<engine::Engine> make(const PromptRequest& request, const model::Plan& plan,
                                              std::size_t context_length) {
    engine::EngineOptions options = request.options;
    if (options.context_length == 0) options.context_length = context_length;
    return engine::make_engine(request.engine, plan, options);
  }

  std::unique_ptr<engine::Engine> engine_;
  engine::SequenceId sequence_;
  std::vector<engine::TokenInput> batch_;
};

/// Tokens from the most likely down; of equal logits the lowest token first. At most `count`.
std::vector<std::int32_t> best_tokens(const engine::Rows& logits, std::size_t row, std::size_t count) {
  std::vector<std::int32_t> tokens(logits.width);
  std::iota(tokens.begin(), tokens.end(), 0);
  const auto end = tokens.begin() + static_cast<std::ptrdiff_t>(std::min(count, tokens.size()));
  std::partial_sort(tokens.begin(), end, tokens.end(), [&](std::int32_t a, std::int32_t b) {
    const double first = logits.at(row, index(a));
    const double second = logits.at(row, index(b));
    return first > second || (first == second && a < b);
  });
  tokens.erase(end, tokens.end());
  return tokens;
}

int rank_of(const engine::Rows& logits, std::size_t row, std::int32_t token) {
  const double own = logits.at(row, index(token));
  int rank = 1;
  for (std::size_t other = 0; other < logits.width; ++other) {
    const double logit = logits.at(row, other);
    if (logit > own || (logit == own && other < index(token))) ++rank;
  }
  return rank;
}

class PromptRun {
 public:
  explicit PromptRun(const PromptRequest& request)
      : request_(request), tokens_(request.tokens), reference_row_(request.reference->vocabulary) {
    if (tokens_.empty()) {
      throw Error(ErrorKind::usage, "the prompt has no tokens", "an empty text needs at least the BOS token");
    }
    const std::size_t length = tokens_.size() + request.continuation;
    reference_ = std::make_unique<Side>(request, *request.reference, length);
    for (const model::Plan* plan : request.candidates) {
      check_vocabulary(*request.reference, *plan, candidates_.size() + 1);
      candidates_.push_back(std::make_unique<Side>(request, *plan, length));
    }
  }

  PromptComparison run() {
    const std::size_t piece = rows_within_memory(request_.reference->vocabulary);
    for (std::size_t begin = 0; begin < request_.tokens.size(); begin += piece) {
      const std::size_t count = std::min(piece, request_.tokens.size() - begin);
      compare(begin, count, begin + count == request_.tokens.size());
    }
    for (std::size_t i = 0; i < request_.continuation; ++i) {
      if (request_.tokenizer->ends_generation(next_)) break;
      tokens_.push_back(next_);
      compare(tokens_.size() - 1, 1, false);
    }
    PromptComparison comparison;
    comparison.engine = reference_->engine().description();
    comparison.tokens = tokens_;
    comparison.continuation = text(request_.tokens.size(), tokens_.size());
    for (const auto& side : candidates_) comparison.candidates.push_back(result_of(*side));
    return comparison;
  }

 private:
  /// Evaluates tokens_[begin, begin + count) everywhere.
  void compare(std::size_t begin, std::size_t count, bool ends_prompt) {
    const auto tokens = std::span<const std::int32_t>(tokens_).subspan(begin, count);
    const engine::Rows reference = reference_->evaluate(tokens);
    for (std::size_t row = 0; row < count; ++row) {
      if (!is_finite(reference, row)) throw non_finite_reference(*request_.reference, behind(begin + row + 1));
    }
    for (const auto& side : candidates_) {
      if (!side->failure.empty()) continue;
      const engine::Rows candidate = side->evaluate(tokens);
      for (std::size_t row = 0; row < count && side->failure.empty(); ++row) {
        if (is_finite(candidate, row)) {
          side->rows.push_back(compare_row(reference, candidate, row));
        } else {
          side->failure = non_finite_logits(side->plan, behind(begin + row + 1));
        }
      }
      if (ends_prompt && side->failure.empty()) side->top = top_tokens(reference, candidate, count - 1);
    }
    reference_row_.set(reference, count - 1);
    next_ = reference_row_.top();
    if (request_.on_progress) request_.on_progress(begin + count, request_.tokens.size() + request_.continuation);
  }

  static std::string behind(std::size_t tokens) { return fmt::format("behind {} tokens of the prompt", tokens); }

  Row compare_row(const engine::Rows& reference, const engine::Rows& candidate, std::size_t row) {
    reference_row_.set(reference, row);
    Row found;
    found.metrics = reference_row_.compare(candidate, row, 0);
    const std::size_t r = index(found.metrics.reference_top);
    const std::size_t c = index(found.metrics.candidate_top);
    found.reference_margin = reference.at(row, r) - reference.at(row, c);
    found.candidate_margin = candidate.at(row, c) - candidate.at(row, r);
    return found;
  }

  std::vector<TopToken> top_tokens(const engine::Rows& reference, const engine::Rows& candidate, std::size_t row) {
    std::vector<std::int32_t> tokens = best_tokens(reference, row, request_.top);
    for (const std::int32_t token : best_tokens(candidate, row, 1)) {
      if (std::find(tokens.begin(), tokens.end(), token) == tokens.end()) tokens.push_back(token);
    }
    const double of_reference = log_sum_exp(reference, row);
    const double of_candidate = log_sum_exp(candidate, row);
    std::vector<TopToken> top;
    for (const std::int32_t token : tokens) {
      TopToken entry;
      entry.token = token;
      entry.piece = request_.tokenizer->piece(token);
      entry.reference_logit = reference.at(row, index(token));
      entry.reference_log_prob = entry.reference_logit - of_reference;
      entry.reference_rank = rank_of(reference, row, token);
      entry.candidate_logit = candidate.at(row, index(token));
      entry.candidate_log_prob = entry.candidate_logit - of_candidate;
      entry.candidate_rank = rank_of(candidate, row, token);
      top.push_back(std::move(entry));
    }
    return top;
  }

  PromptResult result_of(const Side& side) const {
    PromptResult result;
    result.failure = side.failure;
    if (!side.failure.empty()) return result;
    result.top = side.top;
    result.positions = side.rows.size();
    std::vector<double> errors;
    errors.reserve(side.rows.size());
    for (const Row& row : side.rows) errors.push_back(row.metrics.logit_error);
    std::sort(errors.begin(), errors.end());
    result.typical_logit_error = percentile(errors, 0.5);
    for (std::size_t i = 0; i < side.rows.size(); ++i) {
      const Row& row = side.rows[i];
      if (row.metrics.reference_top == row.metrics.candidate_top) continue;
      Flip flip;
      flip.position = static_cast<std::uint32_t>(i + 1);
      flip.context = ending(text(0, i + 1));
      flip.reference_token = row.metrics.reference_top;
      flip.reference_piece = request_.tokenizer->piece(flip.reference_token);
      flip.candidate_token = row.metrics.candidate_top;
      flip.candidate_piece = request_.tokenizer->piece(flip.candidate_token);
      flip.reference_margin = row.reference_margin;
      flip.candidate_margin = row.candidate_margin;
      flip.near_tie = is_near_tie(row.metrics, result.typical_logit_error);
      result.flips.push_back(std::move(flip));
    }
    return result;
  }

  std::string text(std::size_t begin, std::size_t end) const {
    std::string pieces;
    for (std::size_t i = begin; i < end; ++i) pieces += request_.tokenizer->piece(tokens_[i]);
    return pieces;
  }

  /// The last characters of a text, whole ones.
  static std::string ending(const std::string& whole) {
    std::vector<std::size_t> starts;
    for (std::size_t at = 0; at < whole.size(); at += decode_utf8(whole, at).size_bytes) starts.push_back(at);
    return starts.size() <= kContextCharacters ? whole : whole.substr(starts[starts.size() - kContextCharacters]);
  }

  const PromptRequest& request_;
  std::vector<std::int32_t> tokens_;
  std::unique_ptr<Side> reference_;
  std::vector<std::unique_ptr<Side>> candidates_;
  ReferenceRow reference_row_;
  std::int32_t next_ = 0;
};

}  // namespace

PromptComparison compare_prompt(const PromptRequest& request) { return PromptRun(request).run(); }

}  // namespace assay::compare
