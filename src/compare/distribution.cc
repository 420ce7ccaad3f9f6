#include "compare/distribution.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "base/math.h"

namespace assay::compare {
namespace {

/// Calls with the row as const float* or const double*.
template <typename Visitor>
auto with_row(const engine::Rows& logits, std::size_t row, const Visitor& visitor) {
  const std::size_t begin = row * logits.width;
  return logits.f64 != nullptr ? visitor(logits.f64 + begin) : visitor(logits.f32 + begin);
}

template <typename Logit>
std::size_t top_of(const Logit* logits, std::size_t count) {
  return static_cast<std::size_t>(std::max_element(logits, logits + count) - logits);
}

/// visit(i, e^(logits[i] - top)) for ascending i.
template <typename Logit, typename Visitor>
void visit_exps(const Logit* logits, std::size_t count, double top, const Visitor& visit) {
  constexpr std::size_t kPiece = 256;
  double exps[kPiece];
  for (std::size_t begin = 0; begin < count; begin += kPiece) {
    const std::size_t piece = std::min(kPiece, count - begin);
    for (std::size_t i = 0; i < piece; ++i) exps[i] = logits[begin + i] - top;
    portable_exps(exps, piece, exps);
    for (std::size_t i = 0; i < piece; ++i) visit(begin + i, exps[i]);
  }
}

}  // namespace

double log_sum_exp(const engine::Rows& logits, std::size_t row) {
  return with_row(logits, row, [&](const auto* values) {
    const double top = values[top_of(values, logits.width)];
    double sum = 0;
    visit_exps(values, logits.width, top, [&](std::size_t /*i*/, double exp) { sum += exp; });
    return top + portable_log(sum);
  });
}

void ReferenceRow::set(const engine::Rows& logits, std::size_t row) {
  logits_ = logits;
  row_ = row;
  assert(logits.width == probabilities_.size());
  with_row(logits, row, [&](const auto* values) {
    const std::size_t top = top_of(values, logits.width);
    const double top_logit = values[top];
    double second = -std::numeric_limits<double>::infinity();
    double sum = 0;
    visit_exps(values, logits.width, top_logit, [&](std::size_t i, double exp) {
      probabilities_[i] = exp;
      sum += exp;
      if (i != top) second = std::max(second, static_cast<double>(values[i]));
    });
    for (double& probability : probabilities_) probability /= sum;
    top_ = static_cast<std::int32_t>(top);
    margin_ = top_logit - second;
    log_sum_exp_ = top_logit + portable_log(sum);
  });
}

RowMetrics ReferenceRow::compare(const engine::Rows& logits, std::size_t row, std::int32_t token) const {
  RowMetrics metrics;
  const auto width = static_cast<double>(logits.width);
  with_row(logits_, row_, [&](const auto* reference) {
    with_row(logits, row, [&](const auto* candidate) {
      const std::size_t top = top_of(candidate, logits.width);
      const double top_logit = candidate[top];
      double sum = 0;
      double expected = 0;  // sum p (reference - candidate logit)
      double mean = 0;
      double squares = 0;
      visit_exps(candidate, logits.width, top_logit, [&](std::size_t i, double exp) {
        const double difference = static_cast<double>(candidate[i]) - static_cast<double>(reference[i]);
        sum += exp;
        expected -= probabilities_[i] * difference;
        mean += difference;
        squares += difference * difference;
      });
      mean /= width;
      const double log_sum = top_logit + portable_log(sum);
      const auto index = static_cast<std::size_t>(token);
      metrics.kl = expected - (log_sum_exp_ - log_sum);
      metrics.reference_log_prob = reference[index] - log_sum_exp_;
      metrics.candidate_log_prob = candidate[index] - log_sum;
      metrics.reference_margin = margin_;
      metrics.logit_error = std::sqrt(std::max(squares / width - mean * mean, 0.0));
      metrics.reference_top = top_;
      metrics.candidate_top = static_cast<std::int32_t>(top);
    });
  });
  return metrics;
}

}  // namespace assay::compare
