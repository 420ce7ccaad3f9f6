// Tiles of types with blocks of 32 values: quants are bytes without their bias, and
//   I = 256 * sum q * hi + sum q * lo
// Two blocks at a time, each in tiles of its own, because each is rounded by itself.
//
// Included after avx512/vec.h and tiles.h (or tests' own tiles).
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/amx/tile_product.h"
#include "kernels/generic/small_block.h"

namespace assay::kernels {
namespace {

template <bool kHasMin>
class SmallBlockTiles {
 public:
  static constexpr std::size_t kValues = 32;
  static constexpr std::size_t kBlocks = 2;
  static constexpr std::size_t kTileValues = 32;

  struct Packed : TileTokens<kBlocks> {
    TileBytes hi, lo, remainder;  ///< the first block, then the second
    float min[kBlocks][kTileTokens], remainder_min[kBlocks][kTileTokens];
    std::size_t blocks;

    void pack(const Activations& x, std::size_t first, std::size_t token_count, std::size_t block,
              std::size_t block_count) {
      blocks = block_count;
      this->set(x, first, token_count, block, blocks);
      for (std::size_t t = 0; t < kTileTokens; ++t) {
        const Token& token = this->tokens[t];
        store(both_blocks(token.hi + block * kValues), hi.row[t]);
        store(both_blocks(token.lo + block * kValues), lo.row[t]);
        if (this->has_remainder) store(both_blocks(token.remainder + block * kValues), remainder.row[t]);
        for (std::size_t i = 0; i < blocks; ++i) {
          min[i][t] = min_term(token.sums + 2 * (block + i));
          remainder_min[i][t] = min_term(token.remainder_sums + 2 * (block + i));
        }
      }
    }
    template <typename Plane>
    Int both_blocks(const Plane* values) const {
      return blocks == 2 ? load(values) : load_twice(values);
    }
    /// M = sum of -1 * x.
    static float min_term(const std::int32_t* sums) { return kHasMin ? static_cast<float>(-(sums[0] + sums[1])) : 0; }
  };

  struct Products {
    TileSums high[kBlocks], low[kBlocks], remainder[kBlocks];
  };

  template <typename Format>
  void unpack(const PanelRows& rows, std::size_t block, std::size_t blocks) {
    const std::size_t offset = block * Format::kBytes;
    const std::size_t next = offset + (blocks - 1) * Format::kBytes;
    Int by_row[kPanelRows];
    for (std::size_t i = 0; i < kPanelRows; ++i) {
      WordPair quants = Format::quants(rows.row[i] + offset, rows.row[i] + next);
      if constexpr (Format::kBias != 0) {
        quants.low = subtract_words(quants.low, all_words(Format::kBias));
        quants.high = subtract_words(quants.high, all_words(Format::kBias));
      }
      by_row[i] = _mm512_packs_epi16(quants.low, quants.high);
    }
    Int fours[kPanelRows];
    make_tile(by_row, fours);
    // A lane of bytes holds values 0-7 and 16-23 of a block, or 8-15 and 24-31.
    constexpr std::size_t kOrder[] = {0, 1, 4, 5, 2, 3, 6, 7};
    for (std::size_t i = 0; i < kBlocks; ++i)
      for (std::size_t v = 0; v < 8; ++v) weights_[i][v] = fours[8 * i + kOrder[v]];
    scales_[0] = panel_scales<Format>(rows, offset);
    scales_[1] = panel_scales<Format>(rows, next);
  }

  void multiply(const Packed& x, Products& products) const {
    if (x.has_remainder) multiply_remainder(x, products);
    zero_tile<0>();
    zero_tile<1>();
    zero_tile<2>();
    zero_tile<3>();
    load_tile<4>(x.hi.row[0]);
    load_tile<5>(x.lo.row[0]);
    load_tile<6>(weights_[0]);
    add_signed_products<0, 4, 6>();
    add_unsigned_products<1, 5, 6>();
    load_tile<4>(x.hi.row[0] + kValues);
    load_tile<5>(x.lo.row[0] + kValues);
    load_tile<7>(weights_[1]);
    add_signed_products<2, 4, 7>();
    add_unsigned_products<3, 5, 7>();
  }
  static void take(Products& products) {
    store_tile<0>(products.high[0].token);
    store_tile<1>(products.low[0].token);
    store_tile<2>(products.high[1].token);
    store_tile<3>(products.low[1].token);
  }

  void add(const Packed& x, const Products& products, Float* sums) const {
    for (std::size_t t = 0; t < x.count; ++t)
      for (std::size_t i = 0; i < x.blocks; ++i) {
        const Int integers = add_ints(shift_ints_left<8>(products.high[i].of(t)), products.low[i].of(t));
        sums[t] = step(sums[t], i, x.d[i][t], integers, x.min[i][t]);
        if (x.has_remainder && x.remainder_d[i][t] != 0)
          sums[t] = step(sums[t], i, x.remainder_d[i][t], products.remainder[i].of(t), x.remainder_min[i][t]);
      }
  }

 private:
  void multiply_remainder(const Packed& x, Products& products) const {
    zero_tile<0>();
    zero_tile<2>();
    load_tile<4>(x.remainder.row[0]);
    load_tile<6>(weights_[0]);
    add_signed_products<0, 4, 6>();
    load_tile<5>(x.remainder.row[0] + kValues);
    load_tile<7>(weights_[1]);
    add_signed_products<2, 5, 7>();
    store_tile<0>(products.remainder[0].token);
    store_tile<2>(products.remainder[1].token);
  }

  Float step(Float sum, std::size_t i, float d, Int integers, float min) const {
    return panel_step<kHasMin>(sum, scales_[i], d, to_floats(integers), all_floats(min));
  }

  Int weights_[kBlocks][8];
  PanelScales scales_[kBlocks];
};

}  // namespace
}  // namespace assay::kernels
