// Matrix products of the fast engine's kernels on values in float64: some 1e-5 from the exact ones and several times as
// fast, which is enough to see what is worth an exact run.
#pragma once

#include "diagnose/matrix.h"
#include "gguf/file.h"

namespace assay::diagnose {

/// Whether the weight's type has a product.
bool has_fast_product(const gguf::Tensor& weight);

/// [tokens, outputs] of x [tokens, inputs] and a weight that has one.
Matrix multiply_fast(const gguf::Tensor& weight, const Matrix& x, int threads);

}  // namespace assay::diagnose
