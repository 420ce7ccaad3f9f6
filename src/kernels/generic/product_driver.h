// Cuts a matrix product: a few tokens (decode) take eight rows at a time, one of each of eight streams (streams.h), one
// token after the other, so that weights are read from memory once; more of them (prompts) go through panels. Ragged
// ends repeat the last row and drop what it gives, so that the bits of an output do not depend on the tile.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>

#include "kernels/generic/panel.h"
#include "kernels/generic/streams.h"
#include "kernels/generic/token.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

struct RowTile {
  const Byte* row[kTile];
  std::size_t count;
  std::size_t stream_rows;  ///< from a row to the next one of the tile

  /// To where the first row's output stands.
  void store(const float* outputs, float* out) const {
    for (std::size_t i = 0; i < count; ++i) out[i * stream_rows] = outputs[i];
  }
};

/// Rows `first` of eight streams.
inline RowTile row_tile(const Byte* rows, std::size_t row_bytes, std::size_t first, std::size_t row_count) {
  RowTile tile;
  tile.stream_rows = rows_of_stream(row_count, kTile);
  tile.count = rows_of_stream(row_count - first, tile.stream_rows);
  for (std::size_t i = 0; i < kTile; ++i)
    tile.row[i] = rows + (first + (i < tile.count ? i : tile.count - 1) * tile.stream_rows) * row_bytes;
  return tile;
}

template <typename Product, typename Panel>
void tiled_product(const std::byte* weights, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                   float* out, std::size_t out_stride) {
  const Byte* rows = reinterpret_cast<const Byte*>(weights);
  if (x.tokens >= kFewestPanelTokens) {
    panels_product<Panel>(rows, row_bytes, row_count, x, out, out_stride);
    return;
  }
  for (std::size_t first = 0; first < rows_of_stream(row_count, kTile); ++first) {
    const RowTile tile = row_tile(rows, row_bytes, first, row_count);
    for (std::size_t token = 0; token < x.tokens; ++token)
      Product::rows(tile, token_of(x, token), x.width, out + token * out_stride + first);
  }
}

}  // namespace
}  // namespace assay::kernels
