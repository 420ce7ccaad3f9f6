// Matrix products of many tokens on tiles. Sixteen rows, a panel, are taken apart block by block into tiles of bytes,
// once for all tokens; tiles of sixteen tokens are the file's planes as they are. What the tiles add up to is exact,
// int i of a row belongs to weight row i, and the float steps are those of generic/panel.h.
//
// A kind of types gives a Panel:
//   kTileValues                     values of a token that a tile holds
//   Packed                          sixteen tokens' bytes of one or two blocks, which some panels share: pack()
//   Products                        what a panel's tiles add up to for them
//   unpack<Format>(rows, block, blocks)  the weights
//   multiply(packed, products)      leaves sums in tiles 0-3; where there are remainders, stores theirs
//   take(products)                  stores those sums
//   add(packed, products, sums)     adds the products to the floats
//
// Included after avx512/vec.h and tiles.h (or tests' own tiles).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/panel.h"

namespace assay::kernels {
namespace {

inline constexpr std::size_t kTileTokens = 16;
/// Below, taking weights apart for tiles costs more than vectors need for the products.
inline constexpr std::size_t kFewestTileTokens = 8;

/// The bytes of a tile of tokens or weights.
struct TileBytes {
  alignas(64) Byte row[16][64];
};
/// 64 bytes of each of sixteen rows to a tile of weights. One function for all types: it is long.
[[gnu::noinline]] inline void make_tile(const Int* rows, Int* tile) { transpose_ints(rows, tile); }

/// What sixteen tokens are beside their bytes, for one or two blocks.
template <std::size_t kBlocks>
struct TileTokens {
  Token tokens[kTileTokens];
  float d[kBlocks][kTileTokens], remainder_d[kBlocks][kTileTokens];
  std::size_t count;
  bool has_remainder;

  /// `token_count` tokens from `first` on, at most sixteen; the last stands for those that are missing. A single block,
  /// the last of an odd number, stands for both.
  void set(const Activations& x, std::size_t first, std::size_t token_count, std::size_t block, std::size_t blocks) {
    count = token_count;
    has_remainder = false;
    for (std::size_t t = 0; t < kTileTokens; ++t) {
      const Token& token = tokens[t] = token_of(x, first + (t < count ? t : count - 1));
      for (std::size_t i = 0; i < kBlocks; ++i) {
        d[i][t] = token.d[block + (i < blocks ? i : 0)];
        remainder_d[i][t] = token.remainder_d[block + (i < blocks ? i : 0)];
        has_remainder = has_remainder || remainder_d[i][t] != 0;
      }
    }
  }
};

/// The sums of a tile.
struct TileSums {
  alignas(64) std::int32_t token[kTileTokens][kPanelRows];
  Int of(std::size_t t) const { return load(token[t]); }
};

template <typename Panel>
using Unpack = void (*)(Panel& panel, const PanelRows& rows, std::size_t block, std::size_t blocks);
template <typename Panel, typename Format>
inline void unpack_panel(Panel& panel, const PanelRows& rows, std::size_t block, std::size_t blocks) {
  panel.template unpack<Format>(rows, block, blocks);
}

/// The rows of at most kMostPanels panels and at most kMostPanelTokens tokens. A panel's float steps follow the
/// next panel's multiplications, so that both are under way at once.
template <typename Panel>
class TileProduct {
 public:
  TileProduct(Unpack<Panel> unpack, const Byte* weights, std::size_t row_bytes, std::size_t row_count)
      : unpack_(unpack), row_count_(row_count), panel_count_((row_count + kPanelRows - 1) / kPanelRows) {
    for (std::size_t i = 0; i < panel_count_; ++i)
      rows_[i] = panel_rows(weights + i * kPanelRows * row_bytes, row_bytes, row_count - i * kPanelRows);
  }

  void run(const Activations& x, std::size_t begin, std::size_t count, float* out, std::size_t out_stride) {
    for (std::size_t i = 0; i < panel_count_; ++i)
      for (std::size_t t = 0; t < count; ++t) sums_[i][t] = all_floats(0);
    const std::size_t block_count = x.width / Panel::kValues;
    for (std::size_t block = 0; block < block_count; block += Panel::kBlocks) {
      const std::size_t blocks = block_count - block < Panel::kBlocks ? block_count - block : Panel::kBlocks;
      for (std::size_t i = 0; i < panel_count_; ++i) unpack_(panels_[i], rows_[i], block, blocks);
      add_block(x, begin, count, block, blocks);
    }
    for (std::size_t i = 0; i < panel_count_; ++i) {
      const std::size_t first = i * kPanelRows;
      const std::size_t used = row_count_ - first < kPanelRows ? row_count_ - first : kPanelRows;
      for (std::size_t t = 0; t < count; ++t) store_some(sums_[i][t], out + (begin + t) * out_stride + first, used);
    }
  }

 private:
  void add_block(const Activations& x, std::size_t begin, std::size_t count, std::size_t block, std::size_t blocks) {
    std::size_t step = 0;
    for (std::size_t t = 0; t < count; t += kTileTokens) {
      const std::size_t tokens = count - t < kTileTokens ? count - t : kTileTokens;
      packed_[t / kTileTokens % 2].pack(x, begin + t, tokens, block, blocks);
      for (std::size_t i = 0; i < panel_count_; ++i, ++step) {
        panels_[i].multiply(packed_[t / kTileTokens % 2], products_[step % 2]);
        if (step > 0) finish(step - 1);
        Panel::take(products_[step % 2]);
      }
    }
    finish(step - 1);
  }
  void finish(std::size_t step) {
    const std::size_t panel = step % panel_count_;
    const std::size_t group = step / panel_count_;
    panels_[panel].add(packed_[group % 2], products_[step % 2], sums_[panel] + group * kTileTokens);
  }

  Unpack<Panel> unpack_;
  std::size_t row_count_;
  std::size_t panel_count_;
  PanelRows rows_[kMostPanels];
  Panel panels_[kMostPanels];
  typename Panel::Packed packed_[2];
  typename Panel::Products products_[2];
  Float sums_[kMostPanels][kMostPanelTokens];
};

template <typename Panel>
void tile_product(Unpack<Panel> unpack, const std::byte* weights, std::size_t row_bytes, std::size_t row_count,
                  const Activations& x, float* out, std::size_t out_stride) {
  static constexpr TileConfiguration kConfiguration = tiles_of(Panel::kTileValues);
  const Tiles tiles(kConfiguration);
  const Byte* rows = reinterpret_cast<const Byte*>(weights);
  constexpr std::size_t kRows = kMostPanels * kPanelRows;
  for (std::size_t first = 0; first < row_count; first += kRows) {
    TileProduct<Panel> product(unpack, rows + first * row_bytes, row_bytes,
                               row_count - first < kRows ? row_count - first : kRows);
    for (std::size_t begin = 0; begin < x.tokens; begin += kMostPanelTokens) {
      const std::size_t count = x.tokens - begin < kMostPanelTokens ? x.tokens - begin : kMostPanelTokens;
      product.run(x, begin, count, out + first, out_stride);
    }
  }
}

}  // namespace
}  // namespace assay::kernels
