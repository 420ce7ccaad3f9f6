// Matrix products of F32, F16 and BF16 weights, in tiles of rows and tokens that fill the registers. A ragged end
// repeats the last row or token and drops what it gives.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>

#include "kernels/generic/dot.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

template <typename Row, std::size_t kRows, std::size_t kTokens>
inline void float_tile(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                       std::size_t token, std::size_t token_count, float* out, std::size_t out_stride) {
  const float* values[kTokens];
  for (std::size_t i = 0; i < kTokens; ++i)
    values[i] = x.f32 + (token + (i < token_count ? i : token_count - 1)) * x.width;
  for (std::size_t first = 0; first < row_count; first += kRows) {
    const std::size_t count = row_count - first < kRows ? row_count - first : kRows;
    const void* tile[kRows];
    for (std::size_t i = 0; i < kRows; ++i) tile[i] = rows + (first + (i < count ? i : count - 1)) * row_bytes;
    float totals[kTokens][kRows];
    dots<Row, kRows, kTokens>(tile, values, x.width, totals);
    for (std::size_t t = 0; t < token_count; ++t)
      for (std::size_t row = 0; row < count; ++row) out[(token + t) * out_stride + first + row] = totals[t][row];
  }
}

template <typename Row>
void float_product(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                   float* out, std::size_t out_stride) {
  std::size_t token = 0;
  for (; token + 1 < x.tokens; token += kDotTokens) {
    const std::size_t count = x.tokens - token < kDotTokens ? x.tokens - token : kDotTokens;
    float_tile<Row, kDotRows, kDotTokens>(rows, row_bytes, row_count, x, token, count, out, out_stride);
  }
  if (token < x.tokens) float_tile<Row, kDotRowsAlone, 1>(rows, row_bytes, row_count, x, token, 1, out, out_stride);
}

}  // namespace
}  // namespace assay::kernels
