// Words that the text, the JSON and the page of a diagnosis share: many taps in a few words, arithmetic by one name,
// and what the figures of a finding measure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/verdict.h"

namespace assay::report {

/// "blk.0-5.q_rope and k_rope (all 6 layers), final_norm". `layers` is how many the model has.
std::string join_taps(const std::vector<std::string>& taps, std::size_t layers);

/// Sentences that differ in the number of a layer alone become one that says all of them: "blk.0-5.ffn_gate".
std::vector<std::string> join_sentences(const std::vector<std::string>& sentences);

/// Whether an arithmetic, or the fault that it is, is coarser than what most of the candidate's products are in. What
/// is no arithmetic is.
bool is_coarser(std::string_view name, const diagnose::Verdict& verdict);

/// Steps that are right and coarser than the rest, by their arithmetic.
struct CoarseSteps {
  std::string arithmetic;
  std::vector<std::string> taps;
  double residual = 0;  ///< the largest, and
  double expected = 0;  ///< what rounding explains there
};
std::vector<CoarseSteps> coarse_steps(const diagnose::Verdict& verdict);

/// What residual_before and residual_after are: "residual", relative to the exact value; "share of the ids that
/// differ".
std::string_view quantity(const diagnose::Finding& finding);

}  // namespace assay::report
