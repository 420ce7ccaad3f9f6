// How far what somebody said of a value is from what a step gives there: one number, whether they dumped whole rows or
// only some facts.
//
// Rows: |given - computed| / |computed| of each row, joined by root mean square, so that a row with massive activations
// does not hide the others. Facts: the difference of each, relative to what is natural there (the rms of the row it is
// about; for a sum, times the root of the count), joined likewise. Facts within their printed resolution differ by
// nothing.
#pragma once

#include <cstddef>
#include <vector>

#include "diagnose/matrix.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

/// Of the given rows and facts from `computed` [tokens, width]. Infinite where one of them is finite and the other is
/// not; rows and facts that are the same non-finite numbers on both sides do not differ. Rows whose computed values
/// are not finite, because what went in was not, are left out when nothing else can be said of them.
double residual(const trace::ForeignTap& given, const Matrix& computed);

/// How far `other` is from `computed` by the same measure, at the rows or facts that were given.
double distance(const trace::ForeignTap& given, const Matrix& other, const Matrix& computed);

/// True when every row of the passage was given.
bool is_whole(const trace::ForeignTap& given, std::size_t tokens);

}  // namespace assay::diagnose
