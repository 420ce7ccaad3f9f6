// From the positions of a text to a TextResult. Formulas; p is the reference's distribution, q the candidate's, t the
// token that came, n the number of positions, ln natural:
//   perplexity           exp(mean of -ln q(t)); ratio: exp(mean of ln p(t) - ln q(t)); an exp's error is exp times the
//                        error of its exponent
//   KL                   sum over tokens of p (ln p - ln q), in nats
//   top-1 agreement      share of positions whose most likely token is the same
//   log-prob difference  mean of ln q(t) - ln p(t)
//   probability difference   sqrt(mean of (q(t) - p(t))^2)
//   near tie             a flip whose reference margin is below the typical logit error: the median over positions of
//                        the rms over tokens of candidate - reference logits, means removed
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "compare/comparison.h"
#include "compare/distribution.h"

namespace assay::compare {

/// Whether the most likely token changed where the reference itself could hardly choose.
bool is_near_tie(const RowMetrics& row, double typical_logit_error);

/// `rows` in the order of the text, `chunk_rows` of each chunk; at least one.
TextResult summarize(std::span<const RowMetrics> rows, std::size_t chunk_rows);

/// A position as results hold it; its token and place are left to the caller.
TextPosition text_position(const RowMetrics& row, double typical_logit_error);

/// Of the reference alone.
Estimate reference_perplexity(std::span<const RowMetrics> rows, std::size_t chunk_rows);

}  // namespace assay::compare
