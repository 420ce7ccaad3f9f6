// Cuts a matrix product into tiles. A type gives two functions: eight rows of one token (reads the weights once:
// decode) and some rows of eight tokens (takes a block apart once for eight tokens: prompts). Ragged ends repeat the
// last row or token and drop what it gives, so that there is one way to compute an output, and its bits do not depend
// on the tile.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>

#include "kernels/generic/token.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

/// Rows that share the preparation of a tile of tokens.
inline constexpr std::size_t kRowsOfTokenTile = 8;
/// From this many tokens on, a tile of eight pays although some of it is dropped.
inline constexpr std::size_t kFewestTokensOfTile = 4;

struct RowTile {
  const Byte* row[kTile];
  std::size_t count;
  std::size_t bytes_ahead;  ///< from a row to the same place in the next tile, for prefetching
};

inline RowTile row_tile(const Byte* rows, std::size_t row_bytes, std::size_t first, std::size_t row_count) {
  RowTile tile;
  tile.count = row_count - first < kTile ? row_count - first : kTile;
  tile.bytes_ahead = kTile * row_bytes;
  for (std::size_t i = 0; i < kTile; ++i)
    tile.row[i] = rows + (first + (i < tile.count ? i : tile.count - 1)) * row_bytes;
  return tile;
}

struct TokenTile {
  Token token[kTile];
  std::size_t count;
};

inline TokenTile token_tile(const Activations& x, std::size_t first) {
  TokenTile tile;
  tile.count = x.tokens - first < kTile ? x.tokens - first : kTile;
  for (std::size_t i = 0; i < kTile; ++i) tile.token[i] = token_of(x, first + (i < tile.count ? i : tile.count - 1));
  return tile;
}

template <typename Product>
void tiled_product(const std::byte* weights, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                   float* out, std::size_t out_stride) {
  const Byte* rows = reinterpret_cast<const Byte*>(weights);
  std::size_t token = 0;
  while (x.tokens - token >= kFewestTokensOfTile) {
    const TokenTile tokens = token_tile(x, token);
    for (std::size_t first = 0; first < row_count; first += kRowsOfTokenTile) {
      const std::size_t count = row_count - first < kRowsOfTokenTile ? row_count - first : kRowsOfTokenTile;
      Product::tokens(rows + first * row_bytes, row_bytes, count, tokens, x.width, out + token * out_stride + first,
                      out_stride);
    }
    token += tokens.count;
  }
  for (; token < x.tokens; ++token) {
    for (std::size_t first = 0; first < row_count; first += kTile) {
      const RowTile tile = row_tile(rows, row_bytes, first, row_count);
      Product::rows(tile, token_of(x, token), x.width, out + token * out_stride + first);
    }
  }
}

}  // namespace
}  // namespace assay::kernels
