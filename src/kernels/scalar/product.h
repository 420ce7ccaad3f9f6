// Matrix products of the specification: for quantized types over quant::BlockIntegers, so that a new type needs nothing
// here, and for float types.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"
#include "quant/type.h"

namespace assay::kernels::scalar {

/// `type` is quantized and its integers are known.
void block_product(const quant::Type& type, const std::byte* rows, std::size_t row_bytes, std::size_t row_count,
                   const Activations& x, float* out, std::size_t out_stride);

/// Weights of type F32, F16 or BF16; `decode` is the type's own, exact for these.
void float_product(const quant::Type& type, const std::byte* rows, std::size_t row_bytes, std::size_t row_count,
                   const Activations& x, float* out, std::size_t out_stride);

}  // namespace assay::kernels::scalar
