// What a residual looks like, in words: for faults that nobody has named yet, and as evidence for those that have one.
#pragma once

#include <cstddef>
#include <string>

#include "diagnose/matrix.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

/// "wrong from token 3 on, right before; a pure scale: every row is 0.125 times the right one"; empty when nothing
/// stands out. `head_width` is that of the value's heads, 0 where it has none. `rounding` is the residual that the
/// candidate's arithmetic explains: what is the same within it counts as the same.
std::string fingerprint(const trace::ForeignTap& given, const Matrix& computed, std::size_t head_width,
                        double rounding = 0);

}  // namespace assay::diagnose
