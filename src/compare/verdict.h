// Says in words what the drift of a candidate means: whether growth is the model's own, how error moves through the
// layers, and which step introduces most of it.
#pragma once

#include <string>
#include <vector>

#include "compare/comparison.h"

namespace assay::compare {

/// Sentences, the gravest first. `taps` in the plan's order; `parameter_differences` as PlanPair has them.
std::vector<std::string> verdict(const std::vector<TapDrift>& taps, const Growth& growth,
                                 const std::vector<std::string>& parameter_differences);

}  // namespace assay::compare
