// Matrix products of several tokens. Sixteen rows, a panel, are taken apart block by block, so that int i of a vector
// belongs to row i, and each vector is used for every token: no sum over a vector is needed, and what a block's
// taking apart costs is shared by all tokens. Ragged ends repeat the last row and drop what it gives.
//
// A type gives a Panel: its weights of one or two blocks (`unpack`), how many tokens it takes (`kTokensAtOnce`), what
// they are before they are multiplied (`pack`), which some panels share, and what a panel adds to their sums (`add`).
// Where `add` is static it does so for kPanelsAtOnce panels, whose sums stand kMostPanelTokens apart. The remainders of
// a block are added there, or by `pack_remainders` and `add_remainders` for only those tokens that have some.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/block_scale.h"
#include "kernels/generic/dot.h"
#include "kernels/generic/streams.h"
#include "kernels/generic/token.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

inline constexpr std::size_t kPanelRows = 16;
/// From this many tokens on, taking a panel apart pays.
inline constexpr std::size_t kFewestPanelTokens = 4;
/// Panels that share packed tokens, and tokens: the sums of all wait for the next block, 64 bytes a panel and token.
inline constexpr std::size_t kMostPanels = 8;
static_assert(kMostPanels % kPanelsAtOnce == 0);
inline constexpr std::size_t kMostPanelTokens = 256;

struct PanelRows {
  const Byte* row[kPanelRows];
};

/// d and dmin of the blocks at `offset`.
struct PanelScales {
  Float d, dmin;
};
template <typename Format>
inline PanelScales panel_scales(const PanelRows& rows, std::size_t offset) {
  if constexpr (!has_half_scale<Format>()) {
    alignas(64) float d[kPanelRows];
    for (std::size_t i = 0; i < kPanelRows; ++i) d[i] = Format::scale(rows.row[i] + offset);
    return {load_floats(d), all_floats(0)};
  } else {
    alignas(64) std::uint16_t d[kPanelRows];
    alignas(64) std::uint16_t dmin[kPanelRows];
    for (std::size_t i = 0; i < kPanelRows; ++i) {
      d[i] = half_scale<Format>(rows.row[i] + offset);
      if constexpr (Format::kHasMin) dmin[i] = half_min_scale<Format>(rows.row[i] + offset);
    }
    return {multiply(load_halves(d), all_floats(scale_factor<Format>())),
            Format::kHasMin ? load_halves(dmin) : all_floats(0)};
  }
}

/// The float steps of one block for sixteen rows of one token: kernels.h.
template <bool kHasMin>
inline Float panel_step(Float sum, const PanelScales& weight, float d, Float joined, Float min) {
  const Float d_x = all_floats(d);
  sum = fused(multiply(weight.d, d_x), joined, sum);
  if constexpr (kHasMin) sum = fused_negative(multiply(weight.dmin, d_x), min, sum);
  return sum;
}

inline PanelRows panel_rows(const Byte* weights, std::size_t row_bytes, std::size_t row_count) {
  PanelRows rows;
  for (std::size_t i = 0; i < kPanelRows; ++i) rows.row[i] = weights + (i < row_count ? i : row_count - 1) * row_bytes;
  return rows;
}

/// Asks for kBytes of a token that comes `tokens` later: they stand far apart.
template <std::size_t kBytes>
inline void prefetch_token(const Activations& x, std::size_t token, std::size_t value, std::size_t tokens) {
  const std::size_t offset = (token + tokens < x.tokens ? token + tokens : token) * x.width + value;
  for (std::size_t i = 0; i < kBytes; i += 64) {
    __builtin_prefetch(x.hi + offset + i);
    __builtin_prefetch(x.lo + offset + i);
  }
}

/// Asks for the lines kFarAhead bytes behind those at `offset` of each row: behind a row's end stand the rows that are
/// taken apart next. So many short streams are lost on the CPU's prefetchers.
inline void prefetch_rows(const PanelRows& rows, std::size_t row_bytes, std::size_t offset, std::size_t bytes) {
  const std::size_t ahead = offset + kFarAhead;
  const std::size_t next = ahead < row_bytes ? ahead : ahead + (kMostPanels * kPanelRows - 1) * row_bytes;
  for (const Byte* row : rows.row) {
    for (std::size_t line = 0; line < bytes; line += kLineBytes) __builtin_prefetch(row + next + line, 0, 2);
  }
}

/// Tokens `first` to `first + kTokens` with all panels, whose sums stand kMostPanelTokens apart.
template <typename Panel, std::size_t kTokens>
inline void add_tokens(const Panel* panels, std::size_t panel_count, const Activations& x, std::size_t first,
                       std::size_t block, std::size_t blocks, Float* sums) {
  const auto packed = Panel::template pack<kTokens>(x, first, block, blocks);
  for (std::size_t i = 0; i < panel_count; i += kPanelsAtOnce) {
    Float* const panel_sums = sums + i * kMostPanelTokens;
    if constexpr (requires { Panel::add(panels, packed, block, blocks, sums); }) {
      Panel::add(panels + i, packed, block, blocks, panel_sums);
    } else {
      for (std::size_t p = 0; p < kPanelsAtOnce; ++p)
        panels[i + p].add(packed, block, blocks, panel_sums + p * kMostPanelTokens);
    }
  }
}

/// The remainders of one block of `count` tokens from `begin` on with all panels.
template <typename Panel>
inline void add_remainders(const Panel* panels, std::size_t panel_count, const Activations& x, std::size_t begin,
                           std::size_t count, std::size_t block, Float* sums) {
  const float* const d = x.remainder_d + begin * (x.width / Panel::kValues) + block;
  std::size_t tokens[kMostPanelTokens];
  std::size_t found = 0;
  for (std::size_t t = 0; t < count; ++t)
    if (d[t * (x.width / Panel::kValues)] != 0) tokens[found++] = t;
  for (std::size_t i = 0; i < found; i += Panel::kRemaindersAtOnce) {
    const auto packed = Panel::pack_remainders(x, begin, tokens + i, found - i, block);
    for (std::size_t p = 0; p < panel_count; p += kPanelsAtOnce)
      Panel::add_remainders(panels + p, packed, sums + p * kMostPanelTokens);
  }
}

/// `row_count` rows, at most kMostPanels panels, and at most kMostPanelTokens tokens from `begin` on.
template <typename Panel>
inline void panels_product(const Byte* weights, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                           std::size_t begin, std::size_t count, float* out, std::size_t out_stride) {
  const std::size_t used_panels = (row_count + kPanelRows - 1) / kPanelRows;
  const std::size_t panel_count = (used_panels + kPanelsAtOnce - 1) / kPanelsAtOnce * kPanelsAtOnce;
  PanelRows rows[kMostPanels];
  Float sums[kMostPanels * kMostPanelTokens];
  for (std::size_t i = 0; i < panel_count; ++i) {
    const std::size_t first = (i < used_panels ? i : used_panels - 1) * kPanelRows;
    rows[i] = panel_rows(weights + first * row_bytes, row_bytes, row_count - first);
    for (std::size_t t = 0; t < count; ++t) sums[i * kMostPanelTokens + t] = all_floats(0);
  }
  const std::size_t block_count = x.width / Panel::kValues;
  const std::size_t block_bytes = row_bytes / block_count;
  for (std::size_t block = 0; block < block_count; block += Panel::kBlocks) {
    Panel panels[kMostPanels];
    const std::size_t blocks = block_count - block < Panel::kBlocks ? block_count - block : Panel::kBlocks;
    for (std::size_t i = 0; i < panel_count; ++i) {
      prefetch_rows(rows[i], row_bytes, block * block_bytes, blocks * block_bytes);
      panels[i].unpack(rows[i], block, blocks);
    }
    constexpr std::size_t kTokens = Panel::kTokensAtOnce;
    std::size_t t = 0;
    for (; t + kTokens <= count; t += kTokens)
      add_tokens<Panel, kTokens>(panels, panel_count, x, begin + t, block, blocks, sums + t);
    for (; t + kTokens / 2 <= count; t += kTokens / 2)
      add_tokens<Panel, kTokens / 2>(panels, panel_count, x, begin + t, block, blocks, sums + t);
    for (; t < count; ++t) add_tokens<Panel, 1>(panels, panel_count, x, begin + t, block, blocks, sums + t);
    if constexpr (requires { Panel::kRemaindersAtOnce; })
      add_remainders(panels, panel_count, x, begin, count, block, sums);
  }
  for (std::size_t i = 0; i < used_panels; ++i) {
    const std::size_t first = i * kPanelRows;
    const std::size_t used = row_count - first < kPanelRows ? row_count - first : kPanelRows;
    for (std::size_t t = 0; t < count; ++t)
      store_some(sums[i * kMostPanelTokens + t], out + (begin + t) * out_stride + first, used);
  }
}

template <typename Panel>
inline void panels_product(const Byte* weights, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                           float* out, std::size_t out_stride) {
  constexpr std::size_t kRows = kMostPanels * kPanelRows;
  for (std::size_t first = 0; first < row_count; first += kRows) {
    const std::size_t count = row_count - first < kRows ? row_count - first : kRows;
    for (std::size_t begin = 0; begin < x.tokens; begin += kMostPanelTokens) {
      const std::size_t tokens = x.tokens - begin < kMostPanelTokens ? x.tokens - begin : kMostPanelTokens;
      panels_product<Panel>(weights + first * row_bytes, row_bytes, count, x, begin, tokens, out + first, out_stride);
    }
  }
}

}  // namespace
}  // namespace assay::kernels
