// Matrix products of F32, F16 and BF16 weights. A single token takes some rows at a time; a batch takes tiles of rows
// and tokens, one vector of the 64 lanes after the other, and a large one packs them first (float_block.h). A ragged
// end repeats the last row or token and drops what it gives.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>

#include "kernels/generic/dot.h"
#include "kernels/generic/float_block.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

inline constexpr std::size_t kFewDotTokens = (2 * kDotTokens + 2) / 3;

/// Rows that stay in the second-level cache while all tokens pass.
inline constexpr std::size_t kDotRowBlock = 64;

/// One vector of the lanes (a quarter of them) of kRows x kTokens sums: values kLanes * kPart of every 64. The sums
/// fill the registers, so that each vector loaded is used several times.
template <typename Row, std::size_t kRows, std::size_t kTokens>
inline void part_sums(const void* const* rows, const float* const* x, std::size_t part, std::size_t width,
                      Float (*sums)[kRows]) {
  Float sum[kTokens][kRows];
  for (std::size_t t = 0; t < kTokens; ++t)
    for (std::size_t row = 0; row < kRows; ++row) sum[t][row] = all_floats(0.0F);
  std::size_t i = part * kLanes;
  for (; i + kLanes <= width; i += 4 * kLanes) {
    Float weights[kRows];
#pragma GCC unroll 8
    for (std::size_t row = 0; row < kRows; ++row) weights[row] = Row::load_sixteen(rows[row], i);
#pragma GCC unroll 8
    for (std::size_t t = 0; t < kTokens; ++t) {
      const Float values = load_floats(x[t] + i);
#pragma GCC unroll 8
      for (std::size_t row = 0; row < kRows; ++row) sum[t][row] = fused(weights[row], values, sum[t][row]);
    }
  }
  for (std::size_t t = 0; t < kTokens; ++t)
    for (std::size_t row = 0; row < kRows; ++row) sums[t][row] = sum[t][row];
  if (i >= width) return;
  for (std::size_t row = 0; row < kRows; ++row) {
    const Float weights = Row::load_last(rows[row], i, width - i);
    for (std::size_t t = 0; t < kTokens; ++t)
      sums[t][row] = fused(weights, load_some(x[t] + i, width - i, 0.0F), sums[t][row]);
  }
}

/// The first row_count rows and token_count tokens; rows[] and x[] are whole tiles.
template <typename Row, std::size_t kRows, std::size_t kTokens>
inline void float_tile(const void* const* rows, std::size_t row_count, const float* const* x, std::size_t token_count,
                       std::size_t width, float* out, std::size_t out_stride) {
  Float parts[4][kTokens][kRows];
  for (std::size_t part = 0; part < 4; ++part) part_sums<Row, kRows, kTokens>(rows, x, part, width, parts[part]);
  for (std::size_t t = 0; t < token_count; ++t) {
    for (std::size_t row = 0; row < row_count; ++row) {
      const Lanes lanes = {{parts[0][t][row], parts[1][t][row], parts[2][t][row], parts[3][t][row]}};
      out[t * out_stride + row] = lanes.total();
    }
  }
}

template <std::size_t kRows>
inline void tile_rows(const std::byte* rows, std::size_t row_bytes, std::size_t count, const void** tile) {
  for (std::size_t i = 0; i < kRows; ++i) tile[i] = rows + (i < count ? i : count - 1) * row_bytes;
}

/// All rows with `tokens` tokens from `begin` on.
template <typename Row, std::size_t kTokens>
inline void float_tiles(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                        std::size_t begin, std::size_t tokens, float* out, std::size_t out_stride) {
  const float* values[kTokens];
  for (std::size_t i = 0; i < kTokens; ++i) values[i] = x.f32 + (begin + (i < tokens ? i : tokens - 1)) * x.width;
  for (std::size_t first = 0; first < row_count; first += kDotRows) {
    const std::size_t count = row_count - first < kDotRows ? row_count - first : kDotRows;
    const void* tile[kDotRows];
    tile_rows<kDotRows>(rows + first * row_bytes, row_bytes, count, tile);
    float_tile<Row, kDotRows, kTokens>(tile, count, values, tokens, x.width, out + begin * out_stride + first,
                                       out_stride);
  }
}

template <typename Row>
inline void float_batch(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                        float* out, std::size_t out_stride) {
  // Tiles are as even as they can be, and narrower ones do for few tokens: what a tile repeats is lost.
  const std::size_t tiles = (x.tokens + kDotTokens - 1) / kDotTokens;
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    const std::size_t begin = tile * x.tokens / tiles;
    const std::size_t tokens = (tile + 1) * x.tokens / tiles - begin;
    if (tokens <= kFewDotTokens) {
      float_tiles<Row, kFewDotTokens>(rows, row_bytes, row_count, x, begin, tokens, out, out_stride);
    } else {
      float_tiles<Row, kDotTokens>(rows, row_bytes, row_count, x, begin, tokens, out, out_stride);
    }
  }
}

template <typename Row>
void float_product(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                   float* out, std::size_t out_stride) {
  if (is_block<Row>(x)) {
    float_blocks<Row>(rows, row_bytes, row_count, x, out, out_stride);
    return;
  }
  if (x.tokens != 1) {
    for (std::size_t first = 0; first < row_count; first += kDotRowBlock) {
      const std::size_t count = row_count - first < kDotRowBlock ? row_count - first : kDotRowBlock;
      float_batch<Row>(rows + first * row_bytes, row_bytes, count, x, out + first, out_stride);
    }
    return;
  }
  const std::size_t stream_rows = rows_of_stream(row_count, kDotRowsAlone);
  for (std::size_t first = 0; first < stream_rows; ++first) {
    const std::size_t count = rows_of_stream(row_count - first, stream_rows);
    const void* tile[kDotRowsAlone];
    tile_rows<kDotRowsAlone>(rows + first * row_bytes, stream_rows * row_bytes, count, tile);
    float totals[kDotRowsAlone];
    dots<Row, kDotRowsAlone, true>(tile, x.f32, x.width, totals);
    for (std::size_t i = 0; i < count; ++i) out[first + i * stream_rows] = totals[i];
  }
}

}  // namespace
}  // namespace assay::kernels
