// A diagnosis in words, for the terminal: the verdict in a line, then mistakes, lesser precision, what is not decided
// and what would decide it.
#pragma once

#include <cstddef>
#include <string>

#include "diagnose/verdict.h"
#include "report/style.h"

namespace assay::report {

/// Lines of at most `columns` characters, where words allow it; each ends with a line feed.
std::string to_text(const diagnose::Verdict& verdict, std::size_t columns = 100, const Style& style = {});

}  // namespace assay::report
