#include "compare/metrics.h"

#include <cmath>

#include "base/math.h"
#include "compare/statistics.h"

namespace assay::compare {
namespace {

template <typename Value>
std::vector<double> collect(std::span<const RowMetrics> rows, const Value& value) {
  std::vector<double> values;
  values.reserve(rows.size());
  for (const RowMetrics& row : rows) values.push_back(value(row));
  return values;
}

/// exp of an estimate, by the first-order rule for errors.
Estimate exp_of(const Estimate& exponent) {
  const double value = portable_exp(exponent.mean);
  return {value, value * exponent.standard_error, value * exponent.independent_error};
}

}  // namespace

bool is_near_tie(const RowMetrics& row, double typical_logit_error) {
  return row.reference_top != row.candidate_top && row.reference_margin < typical_logit_error;
}

TextResult summarize(std::span<const RowMetrics> rows, std::size_t chunk_rows) {
  const auto mean = [&](const auto& value) { return mean_over_blocks(collect(rows, value), chunk_rows); };
  TextResult result;
  result.positions = rows.size();
  result.perplexity = exp_of(mean([](const RowMetrics& row) { return -row.candidate_log_prob; }));
  result.perplexity_ratio =
      exp_of(mean([](const RowMetrics& row) { return row.reference_log_prob - row.candidate_log_prob; }));
  result.kl = spread(collect(rows, [](const RowMetrics& row) { return row.kl; }), chunk_rows);
  result.top1_agreement =
      mean([](const RowMetrics& row) { return row.reference_top == row.candidate_top ? 1.0 : 0.0; });
  result.log_prob_difference =
      mean([](const RowMetrics& row) { return row.candidate_log_prob - row.reference_log_prob; });
  result.typical_logit_error =
      spread(collect(rows, [](const RowMetrics& row) { return row.logit_error; }), chunk_rows).median;
  double squares = 0;
  for (const RowMetrics& row : rows) {
    const double difference = portable_exp(row.candidate_log_prob) - portable_exp(row.reference_log_prob);
    squares += difference * difference;
    if (row.reference_top == row.candidate_top) continue;
    ++(is_near_tie(row, result.typical_logit_error) ? result.near_ties : result.flips);
  }
  result.rms_probability_difference = std::sqrt(squares / static_cast<double>(rows.size()));
  return result;
}

TextPosition text_position(const RowMetrics& row, double typical_logit_error) {
  TextPosition position;
  position.kl = static_cast<float>(row.kl);
  position.reference_log_prob = static_cast<float>(row.reference_log_prob);
  position.candidate_log_prob = static_cast<float>(row.candidate_log_prob);
  position.reference_margin = static_cast<float>(row.reference_margin);
  position.reference_top = row.reference_top;
  position.candidate_top = row.candidate_top;
  position.near_tie = is_near_tie(row, typical_logit_error);
  return position;
}

Estimate reference_perplexity(std::span<const RowMetrics> rows, std::size_t chunk_rows) {
  return exp_of(
      mean_over_blocks(collect(rows, [](const RowMetrics& row) { return -row.reference_log_prob; }), chunk_rows));
}

}  // namespace assay::compare
