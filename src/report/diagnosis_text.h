// A diagnosis in words, for the terminal.
#pragma once

#include <string>

#include "diagnose/verdict.h"

namespace assay::report {

/// Lines that end with a line feed.
std::string to_text(const diagnose::Verdict& verdict);

}  // namespace assay::report
