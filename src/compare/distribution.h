// A row of logits as a distribution over the next token. Sums run in float64 over ascending tokens; logarithms are
// natural.
#pragma once

#include <cstddef>

#include "engine/engine.h"

namespace assay::compare {

/// ln sum over tokens of exp(logits of `row`). NaN when a logit is NaN or +infinity.
double log_sum_exp(const engine::Rows& logits, std::size_t row);

}  // namespace assay::compare
