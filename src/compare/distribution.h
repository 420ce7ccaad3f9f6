// A row of logits as a distribution over the next token, and how far a candidate's row is from the reference's. Sums
// run in float64 over ascending tokens; logarithms are natural; of equal logits the lowest token is the top.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/engine.h"

namespace assay::compare {

/// ln sum over tokens of exp(logits of `row`). NaN when a logit is NaN or +infinity.
double log_sum_exp(const engine::Rows& logits, std::size_t row);

/// What a position says of a candidate. p is the reference's distribution, q the candidate's.
struct RowMetrics {
  double kl = 0;                  ///< sum p (ln p - ln q)
  double reference_log_prob = 0;  ///< ln p(token)
  double candidate_log_prob = 0;  ///< ln q(token)
  double reference_margin = 0;    ///< the reference's top-1 logit minus its top-2
  double logit_error = 0;         ///< rms over tokens of candidate - reference logits, the mean difference removed
  std::int32_t reference_top = 0;
  std::int32_t candidate_top = 0;
};

/// One row of the reference, ready to be compared with a row of every candidate.
class ReferenceRow {
 public:
  /// For rows of so many tokens. Nothing is allocated afterwards, so that the rest may run inside a thread team.
  explicit ReferenceRow(std::size_t vocabulary) : probabilities_(vocabulary) {}
  /// `logits` must outlive the calls of compare().
  void set(const engine::Rows& logits, std::size_t row);
  /// Both rows have the same width. A logit that is not finite, in either, makes kl not finite.
  RowMetrics compare(const engine::Rows& logits, std::size_t row, std::int32_t token) const;
  std::int32_t top() const { return top_; }

 private:
  engine::Rows logits_;
  std::size_t row_ = 0;
  std::vector<double> probabilities_;
  double log_sum_exp_ = 0;
  double margin_ = 0;
  std::int32_t top_ = 0;
};

}  // namespace assay::compare
