// A comparison as JSON: docs/json.md describes it.
#pragma once

#include <nlohmann/json.hpp>

#include "compare/comparison.h"

namespace assay::report {

/// Parts that were not measured are left out; a candidate's "taps" and "flips" are always there, empty if need be.
nlohmann::ordered_json to_json(const compare::Comparison& comparison);

}  // namespace assay::report
