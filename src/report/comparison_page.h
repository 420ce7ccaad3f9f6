// A comparison as one self-contained HTML page (page.h).
//
// Data: what comparison_json.h gives, and when positions were kept:
//   "tokens"          ids of all chunks' tokens, chunk after chunk
//   "pieces"          id -> text of the token, or an array of its bytes when they are no UTF-8
//   "text_positions"  columns that candidates share: chunk, position, reference_log_prob, reference_margin,
//   reference_top and in every candidate, for its list of "text_positions", columns: kl, candidate_log_prob,
//   candidate_top, near_tie (0 or 1).
// Columns of measured numbers have five significant digits.
#pragma once

#include <filesystem>
#include <string>

#include "compare/comparison.h"

namespace assay::report {

/// The page. Nothing in the comparison, names and pieces of text included, can end the element that holds the data.
std::string to_page(const compare::Comparison& comparison);

/// Throws Error{io}; the file appears whole or not at all.
void write_page(const compare::Comparison& comparison, const std::filesystem::path& path);

}  // namespace assay::report
