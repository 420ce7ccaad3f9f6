// What a residual looks like, in words: for faults that nobody has named yet, and as evidence for those that have one.
#pragma once

#include <string>

#include "diagnose/matrix.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

/// "a pure scale: every row is 0.125 times the right one"; empty when nothing stands out. `head_width` is that of the
/// value's heads, 0 where it has none.
std::string fingerprint(const trace::ForeignTap& given, const Matrix& computed, std::size_t head_width);

}  // namespace assay::diagnose
