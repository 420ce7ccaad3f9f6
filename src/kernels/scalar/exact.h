// Sums in float64: the specification of kernels.h's dot_exact, ExactRow and row_sums.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"
#include "quant/type.h"

namespace assay::kernels::scalar {

double dot_exact(const double* a, const double* b, std::size_t count);
double row_dot_exact(const quant::Type& type, const std::byte* row, const double* x, std::size_t width);
RowSums row_sums(const float* x, std::size_t n);

}  // namespace assay::kernels::scalar
