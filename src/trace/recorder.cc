#include "trace/recorder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "base/error.h"

namespace assay::trace {
namespace {

/// Bounds the memory of the values, the logits above all.
constexpr std::size_t kPieceTokens = 128;

/// The token of the last row's largest finite logit, 0 when there is none: a model that breaks is recorded to its end.
std::int32_t greedy_token(const engine::Rows& logits) {
  std::size_t best = 0;
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t token = 0; token < logits.width; ++token) {
    const double logit = logits.at(logits.count - 1, token);
    if (!std::isfinite(logit) || logit <= most) continue;
    most = logit;
    best = token;
  }
  return static_cast<std::int32_t>(best);
}

}  // namespace

Recorder::Recorder(const model::Plan& plan, const std::vector<bool>& chosen, Content content)
    : plan_(plan), content_(content), places_(plan.values.size(), -1) {
  for (std::size_t i = 0; i < plan.values.size(); ++i) {
    if (!chosen[i]) continue;
    places_[i] = static_cast<int>(summaries_.size());
    summaries_.push_back({plan.values[i].tap, plan.values[i].width, 0, {}});
  }
}

std::vector<TraceWriter::Tap> Recorder::taps() const {
  std::vector<TraceWriter::Tap> taps;
  for (const TapSummary& summary : summaries_) taps.push_back({summary.tap, summary.channels});
  return taps;
}

bool Recorder::needs_all_outputs() const {
  return std::any_of(plan_.steps.begin(), plan_.steps.end(), [&](const model::Step& step) {
    return step.only_outputs && places_[static_cast<std::size_t>(step.output)] >= 0;
  });
}

void Recorder::observe(const model::Value& value, const engine::TapRows& tap_rows) {
  const auto index = static_cast<std::size_t>(place(value));
  const engine::Rows rows = tap_rows.rows();
  TapSummary& summary = summaries_[index];
  summary.rows += rows.count;
  if (content_ == Content::values) {
    writer_->append(index, rows);
    return;
  }
  for (std::size_t row = 0; row < rows.count; ++row) {
    const Statistics statistics = measure(rows, row);
    summary.statistics.add(statistics);
    for (std::size_t i = 0; i < kSamples; ++i) summary.samples[i] = rows.at(row, sample_channel(i, rows.width));
    if (writer_ != nullptr) writer_->append(index, statistics, summary.samples);
  }
}

std::vector<std::int32_t> record(engine::Engine& engine, Recorder& recorder, const RecordRequest& request) {
  std::vector<std::int32_t> tokens = request.prompt;
  const std::size_t prompt_tokens = tokens.size();
  if (tokens.empty()) throw Error(ErrorKind::usage, "the prompt has no tokens");
  if (prompt_tokens + request.decode_steps > engine.context_length()) {
    throw Error(ErrorKind::usage,
                fmt::format("a prompt of {} tokens and {} steps after it do not fit into the context of {}",
                            prompt_tokens, request.decode_steps, engine.context_length()),
                "Ask for a longer context (--ctx), or for fewer tokens.");
  }
  const bool all_outputs = recorder.needs_all_outputs();
  std::vector<engine::TokenInput> batch;
  for (std::size_t begin = 0; begin < prompt_tokens; begin += kPieceTokens) {
    const std::size_t end = std::min(begin + kPieceTokens, prompt_tokens);
    batch.clear();
    for (std::size_t i = begin; i < end; ++i) {
      batch.push_back({tokens[i], request.sequence, all_outputs || i + 1 == prompt_tokens});
    }
    engine.evaluate(batch, &recorder);
    if (request.on_progress) request.on_progress(end);
  }
  for (std::size_t step = 0; step < request.decode_steps; ++step) {
    tokens.push_back(greedy_token(engine.logits()));
    const engine::TokenInput next{tokens.back(), request.sequence, true};
    engine.evaluate({&next, 1}, &recorder);
    if (request.on_progress) request.on_progress(tokens.size());
  }
  return tokens;
}

}  // namespace assay::trace
