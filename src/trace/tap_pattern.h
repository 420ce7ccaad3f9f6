// Which taps somebody asks for: "blk.*.q,blk.*.k,!blk.0.*". Patterns between commas, `*` and `?` as in file names;
// those with a leading '!' exclude, whatever their place. Only exclusions: all taps but those.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/plan.h"

namespace assay::trace {

/// By ValueId, whether the tap is chosen. Throws Error{usage} for a pattern that matches no tap of the plan (and names
/// the nearest ones), and where nothing is left.
std::vector<bool> choose_taps(const model::Plan& plan, std::string_view patterns);

}  // namespace assay::trace
