// Sums in float64: the specification of kernels.h's dot_exact and its like, ExactRow and row_sums.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"
#include "quant/type.h"

namespace assay::kernels::scalar {

double dot_exact(const double* a, const double* b, std::size_t count);
void product_exact(const double* rows, std::size_t row_stride, std::size_t row_count, const double* x,
                   std::size_t x_stride, std::size_t x_count, std::size_t width, double* out, std::size_t out_stride);
void weighted_sum_exact(const double* weights, const double* rows, std::size_t stride, std::size_t count,
                        std::size_t width, double* out);
double row_dot_exact(const quant::Type& type, const std::byte* row, const double* x, std::size_t width);
RowSums row_sums(const float* x, std::size_t n);

}  // namespace assay::kernels::scalar
