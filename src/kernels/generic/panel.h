// Matrix products of several tokens. Sixteen rows, a panel, are taken apart block by block, so that int i of a vector
// belongs to row i, and each vector is used for every token: no sum over a vector is needed, and what a block's
// taking apart costs is shared by all tokens. Ragged ends repeat the last row and drop what it gives.
//
// A type gives a Panel: its weights of one or two blocks (`unpack`), and what they add to the sums of some tokens
// (`add`).
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/dot.h"
#include "kernels/generic/token.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

inline constexpr std::size_t kPanelRows = 16;
/// From this many tokens on, taking a panel apart pays.
inline constexpr std::size_t kFewestPanelTokens = 4;
/// Tokens whose sums wait for the next block, 64 bytes each.
inline constexpr std::size_t kMostPanelTokens = 512;

struct PanelRows {
  const Byte* row[kPanelRows];
};

/// d and dmin of the blocks at `offset`.
struct PanelScales {
  Float d, dmin;
};
template <bool kHasMin>
inline PanelScales panel_scales(const PanelRows& rows, std::size_t offset) {
  alignas(64) std::uint16_t d[kPanelRows];
  alignas(64) std::uint16_t dmin[kPanelRows];
  for (std::size_t i = 0; i < kPanelRows; ++i) {
    d[i] = load_word(rows.row[i] + offset);
    if constexpr (kHasMin) dmin[i] = load_word(rows.row[i] + offset + 2);
  }
  return {load_halves(d), kHasMin ? load_halves(dmin) : all_floats(0)};
}

/// The float steps of one block for sixteen rows of one token: kernels.h.
template <bool kHasMin>
inline Float panel_step(Float sum, const PanelScales& weight, float d, Float joined, Float min) {
  const Float d_x = all_floats(d);
  sum = fused(multiply(weight.d, d_x), joined, sum);
  if constexpr (kHasMin) sum = fused_negative(multiply(weight.dmin, d_x), min, sum);
  return sum;
}

/// The panel with tokens `begin` to `begin + count`.
template <typename Panel>
inline void panel_product(const PanelRows& rows, std::size_t row_count, const Activations& x, std::size_t begin,
                          std::size_t count, float* out, std::size_t out_stride) {
  Float sums[kMostPanelTokens];
  for (std::size_t i = 0; i < count; ++i) sums[i] = all_floats(0);
  const std::size_t block_count = x.width / Panel::kValues;
  for (std::size_t block = 0; block < block_count; block += Panel::kBlocks) {
    Panel panel;
    const std::size_t blocks = block_count - block < Panel::kBlocks ? block_count - block : Panel::kBlocks;
    panel.unpack(rows, block, blocks);
    std::size_t i = 0;
    for (; i + kPanelTokens <= count; i += kPanelTokens)
      panel.template add<kPanelTokens>(x, begin + i, block, blocks, sums + i);
    for (; i < count; ++i) panel.template add<1>(x, begin + i, block, blocks, sums + i);
  }
  for (std::size_t i = 0; i < count; ++i) store_some(sums[i], out + (begin + i) * out_stride, row_count);
}

template <typename Panel>
inline void panels_product(const Byte* weights, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                           float* out, std::size_t out_stride) {
  for (std::size_t first = 0; first < row_count; first += kPanelRows) {
    const std::size_t count = row_count - first < kPanelRows ? row_count - first : kPanelRows;
    PanelRows rows;
    for (std::size_t i = 0; i < kPanelRows; ++i)
      rows.row[i] = weights + (first + (i < count ? i : count - 1)) * row_bytes;
    for (std::size_t begin = 0; begin < x.tokens; begin += kMostPanelTokens) {
      const std::size_t tokens = x.tokens - begin < kMostPanelTokens ? x.tokens - begin : kMostPanelTokens;
      panel_product<Panel>(rows, count, x, begin, tokens, out + first, out_stride);
    }
  }
}

}  // namespace
}  // namespace assay::kernels
