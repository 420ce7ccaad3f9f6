// The search for the fault that explains a step's residual: every hypothesis at every step that could have caused it is
// run, and what it leaves unexplained is measured.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "diagnose/fault.h"
#include "diagnose/replay.h"

namespace assay::diagnose {

struct Explanation {
  std::size_t step = 0;  ///< where the fault is; the observed step or one before it
  const Fault* fault = nullptr;
  Hypothesis hypothesis;
  double residual = 0;  ///< that is left at the observed step
};

/// All hypotheses of the faults in the step's region (Replay::region) that leave less than `residual`, the least first;
/// where they leave about the same, in the order of the list of faults, mistakes before rounding, and steps nearer to
/// the observed one first.
std::vector<Explanation> explain(const Replay& replay, std::size_t step, double residual, bool pass_seen_right = true);

/// What one fault with known parameters leaves at `step` when it is at `faulty`; infinity where it cannot live there.
/// `hypothesis` becomes that of this step.
double residual_with(const Replay& replay, std::size_t step, std::size_t faulty, const Fault& fault,
                     Hypothesis& hypothesis);

/// Two faults of one rotation or attention that together leave the least.
struct TogetherExplained {
  Explanation first;   ///< residual: with this one alone
  Explanation second;  ///< likewise
  Hypothesis both;
  double residual = 0;  ///< with both
};
/// Null where the step is another, was not given whole, or no two leave less than `residual`.
std::optional<TogetherExplained> explain_together(const Replay& replay, std::size_t step, double residual);

/// Whether two residuals are too near to each other to choose by.
bool are_alike(double a, double b);

}  // namespace assay::diagnose
