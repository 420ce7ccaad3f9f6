#include "compare/text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "base/threads.h"
#include "compare/distribution.h"
#include "compare/logits_check.h"
#include "compare/metrics.h"
#include "engine/batch.h"

namespace assay::compare {
namespace {

/// A model at work on the text.
struct Side {
  Side(const TextRequest& request, const model::Plan& of, std::size_t rows_at_once)
      : plan(of),
        engine(engine::make_engine(request.engine, of, options(request))),
        runner(*engine, *request.chunks, rows_at_once) {}

  static engine::EngineOptions options(const TextRequest& request) {
    engine::EngineOptions options = request.options;
    options.context_length = request.chunks->context();
    return options;
  }

  const model::Plan& plan;
  std::unique_ptr<engine::Engine> engine;
  ChunkRunner runner;
  std::vector<RowMetrics> rows;  // against the reference; empty for the reference itself
  double kl_sum = 0;
  std::string failure;  // not empty: no longer run
};

class TextRun {
 public:
  explicit TextRun(const TextRequest& request)
      : request_(request),
        chunks_(*request.chunks),
        threads_(engine::resolve_threads(request.options)),
        reference_rows_(static_cast<std::size_t>(threads_), ReferenceRow(request.reference->vocabulary)) {
    const std::size_t rows_at_once = rows_within_memory(request.reference->vocabulary);
    reference_ = std::make_unique<Side>(request, *request.reference, rows_at_once);
    for (const model::Plan* plan : request.candidates) {
      check_vocabulary(*request.reference, *plan, candidates_.size() + 1);
      candidates_.push_back(std::make_unique<Side>(request, *plan, rows_at_once));
    }
  }

  TextComparison run() {
    std::vector<double> mean_kl;
    for (std::size_t chunk = 0; chunk < chunks_.count() && !working().empty(); ++chunk) {
      compare_chunk(chunk);
      if (!request_.on_chunk) continue;
      mean_kl.clear();
      for (const auto& side : candidates_) mean_kl.push_back(mean_kl_of(*side));
      request_.on_chunk(chunk + 1, mean_kl);
    }
    TextComparison comparison;
    comparison.engine = reference_->engine->description();
    if (!working().empty()) {
      comparison.reference_perplexity = reference_perplexity(working().front()->rows, chunks_.scored());
    }
    for (const auto& side : candidates_) comparison.candidates.push_back(result_of(*side));
    return comparison;
  }

 private:
  /// The candidates that have not failed.
  std::vector<Side*> working() const {
    std::vector<Side*> sides;
    for (const auto& side : candidates_) {
      if (side->failure.empty()) sides.push_back(side.get());
    }
    return sides;
  }

  static double mean_kl_of(const Side& side) {
    if (!side.failure.empty()) return std::numeric_limits<double>::quiet_NaN();
    return side.kl_sum / static_cast<double>(side.rows.size());
  }

  void compare_chunk(std::size_t chunk) {
    reference_->runner.begin(chunk);
    for (Side* side : working()) side->runner.begin(chunk);
    while (reference_->runner.scored() < chunks_.scored()) {
      const std::vector<Side*> sides = working();
      if (sides.empty()) return;
      const std::size_t begin = chunks_.first() + reference_->runner.scored();
      const engine::Rows reference = reference_->runner.next();
      std::vector<engine::Rows> logits;
      logits.reserve(sides.size());
      for (Side* side : sides) logits.push_back(side->runner.next());
      compare_rows(chunk, begin, reference, sides, logits);
    }
  }

  /// `begin` is the position of the first of these rows in its chunk.
  void compare_rows(std::size_t chunk, std::size_t begin, const engine::Rows& reference, std::span<Side* const> sides,
                    std::span<const engine::Rows> logits) {
    const std::span<const tokenizer::Token> tokens = chunks_.tokens(chunk);
    const std::size_t done = sides.front()->rows.size();
    for (Side* side : sides) side->rows.resize(done + reference.count);
    run_team(threads_, [&](const Team& team) {
      ReferenceRow& reference_row = reference_rows_[static_cast<std::size_t>(team.thread)];
      const Team::Range mine = team.share(reference.count);
      for (std::size_t row = mine.begin; row < mine.end; ++row) {
        reference_row.set(reference, row);
        for (std::size_t i = 0; i < logits.size(); ++i) {
          sides[i]->rows[done + row] = reference_row.compare(logits[i], row, tokens[begin + row + 1]);
        }
      }
    });
    for (Side* side : sides) {
      for (std::size_t row = 0; row < reference.count && side->failure.empty(); ++row) {
        const double kl = side->rows[done + row].kl;
        if (std::isfinite(kl)) {
          side->kl_sum += kl;
          continue;
        }
        const std::string where = fmt::format("chunk {}, position {}", chunk + 1, begin + row);
        if (!is_finite(reference, row)) throw non_finite_reference(*request_.reference, where);
        side->failure = non_finite_logits(side->plan, where);
      }
    }
  }

  CandidateText result_of(const Side& side) const {
    CandidateText text;
    text.failure = side.failure;
    if (!side.failure.empty()) return text;
    text.result = summarize(side.rows, chunks_.scored());
    if (!request_.keep_positions) return text;
    text.positions.reserve(side.rows.size());
    for (std::size_t i = 0; i < side.rows.size(); ++i) {
      TextPosition position = text_position(side.rows[i], text.result.typical_logit_error);
      const std::size_t chunk = i / chunks_.scored();
      const std::size_t place = chunks_.first() + i % chunks_.scored() + 1;
      position.token = chunks_.tokens(chunk)[place];
      position.chunk = static_cast<std::uint32_t>(chunk);
      position.position = static_cast<std::uint32_t>(place);
      text.positions.push_back(position);
    }
    return text;
  }

  const TextRequest& request_;
  const Chunks& chunks_;
  int threads_;
  std::unique_ptr<Side> reference_;
  std::vector<std::unique_ptr<Side>> candidates_;
  std::vector<ReferenceRow> reference_rows_;  // one a thread
};

Error vocabulary_error(const std::string& name, const std::string& difference) {
  return {ErrorKind::input, fmt::format("{}: another vocabulary than the reference's: {}", name, difference),
          "Only models with the same tokenizer can be compared: give two quantizations of one model."};
}

}  // namespace

TextComparison compare_text(const TextRequest& request) { return TextRun(request).run(); }

void check_same_tokenizer(const tokenizer::Tokenizer& reference, const tokenizer::Tokenizer& candidate,
                          const std::string& candidate_name, std::string_view text,
                          std::span<const tokenizer::Token> tokens) {
  if (candidate.size() != reference.size()) {
    throw vocabulary_error(candidate_name, fmt::format("{} tokens, not {}", candidate.size(), reference.size()));
  }
  for (tokenizer::Token token = 0; static_cast<std::size_t>(token) < reference.size(); ++token) {
    if (candidate.text(token) == reference.text(token)) continue;
    throw vocabulary_error(candidate_name,
                           fmt::format("token {} is '{}', not '{}'", token, printable(candidate.text(token), 40),
                                       printable(reference.text(token), 40)));
  }
  const std::vector<tokenizer::Token> ids = encode_text(candidate, text);
  const auto [at, other] = std::mismatch(tokens.begin(), tokens.end(), ids.begin(), ids.end());
  if (at == tokens.end() && other == ids.end() && reference.adds_bos() == candidate.adds_bos()) return;
  throw vocabulary_error(candidate_name,
                         fmt::format("it cuts the text differently from token {} on", at - tokens.begin()));
}

}  // namespace assay::compare
