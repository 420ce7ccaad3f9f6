// Statistics over the scored positions of a text: means with two standard errors, and percentiles.
//
// Errors of neighbouring positions go together, so the standard error counts blocks of positions, not positions. It is
// that of a block bootstrap: resampling blocks with replacement makes a mean vary by
//   sqrt(sum_b (s_b - m n_b)^2 / (B - 1) * B) / n
// with B blocks of n_b positions that sum to s_b, n positions and their mean m; the formula is the limit of infinitely
// many resamples (Efron and Tibshirani 1993, 6.2, with B - 1 for B), so nothing is drawn and there is no seed.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "compare/comparison.h"

namespace assay::compare {

/// Blocks are whole chunks of `chunk_rows` values; where there are fewer than 16 chunks, equal parts of them, so that
/// there are at least 16 blocks (or as many as there are values).
Estimate mean_over_blocks(std::span<const double> values, std::size_t chunk_rows);

/// Linear between the neighbouring order statistics at fraction * (n - 1), as numpy and llama-perplexity have it.
/// Requires ascending values, at least one.
double percentile(std::span<const double> ascending, double fraction);

/// Of values in any order.
Spread spread(std::vector<double> values, std::size_t chunk_rows);

}  // namespace assay::compare
