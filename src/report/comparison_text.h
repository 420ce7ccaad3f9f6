// A comparison as tables for the terminal.
#pragma once

#include <string>

#include "compare/comparison.h"

namespace assay::report {

/// Lines that end with a line feed. Parts that were not measured are left out.
std::string to_text(const compare::Comparison& comparison);

}  // namespace assay::report
