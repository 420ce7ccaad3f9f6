// From arrays under somebody's names to taps under ours: names by the tables, layouts by shape, and where these leave a
// choice, by content.
#pragma once

#include <vector>

#include "trace/foreign/array.h"
#include "trace/foreign/foreign_trace.h"
#include "trace/foreign/names.h"

namespace assay::trace {

/// Adds what the arrays hold to the trace: tokens, taps, weights, extra. A name that ends in "@12" begins at token 12.
/// Throws Error{input} for tokens that are none.
void assemble(ForeignTrace& trace, std::vector<Array> arrays, const model::Plan& plan, const Names& names,
              const ForeignOptions& options);

/// Adds a tap, or the rows and facts that one of this name lacks. False when it holds nothing new.
bool merge(ForeignTrace& trace, ForeignTap tap);

}  // namespace assay::trace
