// How well a run of the whole model reproduces what somebody said of its logits, or the ids that they chose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "diagnose/matrix.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

/// What is known from the outside.
struct Outside {
  const trace::ForeignTap* logits = nullptr;  ///< rows or facts of them; null: none
  /// Ids their sampler chose: chosen[i] follows token first_chosen + i of the passage. Not looked at with logits.
  std::span<const std::int32_t> chosen;
  std::size_t first_chosen = 0;
};

struct Score {
  double residual = 0;         ///< of the logits; without any, the mean surprise: -log2 of the probability of their ids
  std::size_t reproduced = 0;  ///< of the chosen ids
  bool operator==(const Score&) const = default;
};
/// More ids reproduced, or else a smaller residual.
bool is_better(const Score& a, const Score& b);

Score score(const Outside& outside, const Matrix& logits);

/// What was said of the logits of the first tokens. A fact of all rows together is none of theirs.
trace::ForeignTap said_of_first(const trace::ForeignTap& logits, std::size_t tokens);

}  // namespace assay::diagnose
