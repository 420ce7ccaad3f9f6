// Tiles of types with blocks of 256 values.
//
// A sub-scale s times a quant q is at most 4096 (generic/super_block.h): two bytes, w = 128 * upper + lower with upper
// from -32 to 32 and lower from 0 to 127. Folded so, a block is one sum for each pair of planes:
//   H = 128 * sum upper * hi + sum lower * hi,  L = 128 * sum upper * lo + sum lower * lo
// Where s * q fits seven bits or there is no s, there is no upper plane. Nothing overflows: 256 * 128 * 255 < 2^24.
//
// Included after avx512/vec.h and tiles.h (or tests' own tiles).
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/amx/tile_product.h"
#include "kernels/generic/panel_mins.h"
#include "kernels/generic/super_block_formats.h"

namespace assay::kernels {
namespace {

struct FoldedQuants {
  Int upper, lower;
};
/// 64 quants times words of their sub-scales.
inline FoldedQuants fold(Int quants, Int sub_scales) {
  const Int even = _mm512_mullo_epi16(_mm512_srai_epi16(_mm512_slli_epi16(quants, 8), 8), sub_scales);
  const Int odd = _mm512_mullo_epi16(_mm512_srai_epi16(quants, 8), sub_scales);
  const auto turns = [](Int a, Int b) { return _mm512_mask_blend_epi8(0xAAAAAAAAAAAAAAAAU, a, b); };
  return {turns(_mm512_srli_epi16(even, 7), _mm512_slli_epi16(odd, 1)),
          bit_and(turns(even, _mm512_slli_epi16(odd, 8)), all_bytes(127))};
}

/// Of formats with an upper plane, and with minimums of kGroups groups.
template <bool kHasUpper, std::size_t kGroups, bool kHasMin>
class SuperBlockTiles {
  static constexpr std::size_t kQuarters = 4;
  using Mins = PanelMins<kGroups, kHasMin>;

 public:
  static constexpr std::size_t kValues = 256;
  static constexpr std::size_t kBlocks = 1;
  static constexpr std::size_t kTileValues = 64;

  struct Packed : TileTokens<kBlocks> {
    TileBytes hi[kQuarters], lo[kQuarters], remainder[kQuarters];
    typename Mins::Sums min_sums[kTileTokens], remainder_min_sums[kTileTokens];

    void pack(const Activations& x, std::size_t first, std::size_t token_count, std::size_t block, std::size_t blocks) {
      this->set(x, first, token_count, block, blocks);
      for (std::size_t t = 0; t < kTileTokens; ++t) {
        const Token& token = this->tokens[t];
        pack_plane(token.hi + block * kValues, t, hi);
        pack_plane(token.lo + block * kValues, t, lo);
        if constexpr (kHasMin) min_sums[t] = Mins::sums_of(token.sums + block * 16);
      }
      for (std::size_t t = 0; t < kTileTokens && this->has_remainder; ++t) {
        const Token& token = this->tokens[t];
        pack_plane(token.remainder + block * kValues, t, remainder);
        if constexpr (kHasMin) remainder_min_sums[t] = Mins::sums_of(token.remainder_sums + block * 16);
      }
    }
    template <typename Plane>
    static void pack_plane(const Plane* values, std::size_t t, TileBytes* tiles) {
      for (std::size_t i = 0; i < kQuarters; ++i) store(load(values + 64 * i), tiles[i].row[t]);
    }
  };

  /// With the upper plane, and with the lower.
  struct Products {
    TileSums upper_high, upper_low, high, low, upper_remainder, remainder;
  };

  template <typename Format>
  void unpack(const PanelRows& rows, std::size_t block, std::size_t /*blocks*/) {
    const std::size_t offset = block * Format::kBytes;
    scales_ = panel_scales<Format>(rows, offset);
    mins_.template unpack<Format>(rows, offset);
    Scales sub_scales[kPanelRows];
    for (std::size_t i = 0; i < kPanelRows; ++i) sub_scales[i] = make_scales(Format::scales(rows.row[i] + offset));
    unpack_quarter<Format, 0>(rows, offset, sub_scales);
    unpack_quarter<Format, 1>(rows, offset, sub_scales);
    unpack_quarter<Format, 2>(rows, offset, sub_scales);
    unpack_quarter<Format, 3>(rows, offset, sub_scales);
  }

  void multiply(const Packed& x, Products& products) const {
    if (x.has_remainder) multiply_remainder(x, products);
    zero_tile<0>();
    zero_tile<1>();
    zero_tile<2>();
    zero_tile<3>();
    for (std::size_t i = 0; i < kQuarters; ++i) {
      load_tile<4>(x.hi[i].row);
      load_tile<5>(x.lo[i].row);
      if constexpr (kHasUpper) {
        load_tile<6>(upper_[i]);
        add_signed_products<0, 4, 6>();
        add_unsigned_products<1, 5, 6>();
      }
      load_tile<7>(lower_[i]);
      add_signed_products<2, 4, 7>();
      add_unsigned_products<3, 5, 7>();
    }
  }
  static void take(Products& products) {
    if constexpr (kHasUpper) {
      store_tile<0>(products.upper_high.token);
      store_tile<1>(products.upper_low.token);
    }
    store_tile<2>(products.high.token);
    store_tile<3>(products.low.token);
  }

  void add(const Packed& x, const Products& products, Float* sums) const {
    for (std::size_t t = 0; t < x.count; ++t) {
      const Int high = total(products.upper_high, products.high, t);
      const Int low = total(products.upper_low, products.low, t);
      const Float joined = fused(all_floats(256.0F), to_floats(high), to_floats(low));
      sums[t] = panel_step<kHasMin>(sums[t], scales_, x.d[0][t], joined, mins_.term(x.min_sums[t]));
    }
    for (std::size_t t = 0; t < x.count && x.has_remainder; ++t) {
      if (x.remainder_d[0][t] == 0) continue;
      const Float remainder = to_floats(total(products.upper_remainder, products.remainder, t));
      sums[t] =
          panel_step<kHasMin>(sums[t], scales_, x.remainder_d[0][t], remainder, mins_.term(x.remainder_min_sums[t]));
    }
  }

 private:
  template <typename Format, int kQuarter>
  void unpack_quarter(const PanelRows& rows, std::size_t offset, const Scales* sub_scales) {
    Int upper[kPanelRows];
    Int lower[kPanelRows];
    for (std::size_t i = 0; i < kPanelRows; ++i) {
      Int quants = Format::template quants<kQuarter>(rows.row[i] + offset);
      if constexpr (Format::kBias != 0) quants = subtract_bytes(quants, all_bytes(Format::kBias));
      const FoldedQuants folded =
          Format::kGroupValues == 128 ? FoldedQuants{zero(), quants} : fold(quants, spread<kQuarter>(sub_scales[i]));
      upper[i] = folded.upper;
      lower[i] = folded.lower;
    }
    if constexpr (kHasUpper) make_tile(upper, upper_[kQuarter]);
    make_tile(lower, lower_[kQuarter]);
  }

  void multiply_remainder(const Packed& x, Products& products) const {
    zero_tile<0>();
    zero_tile<2>();
    for (std::size_t i = 0; i < kQuarters; ++i) {
      load_tile<4>(x.remainder[i].row);
      if constexpr (kHasUpper) {
        load_tile<6>(upper_[i]);
        add_signed_products<0, 4, 6>();
      }
      load_tile<7>(lower_[i]);
      add_signed_products<2, 4, 7>();
    }
    if constexpr (kHasUpper) store_tile<0>(products.upper_remainder.token);
    store_tile<2>(products.remainder.token);
  }

  static Int total(const TileSums& upper, const TileSums& lower, std::size_t t) {
    if constexpr (!kHasUpper) return lower.of(t);
    return add_ints(shift_ints_left<7>(upper.of(t)), lower.of(t));
  }

  Int upper_[kQuarters][16], lower_[kQuarters][16];  ///< tiles: four values of all rows in a vector
  Mins mins_;
  PanelScales scales_;
};

template <typename Format>
constexpr bool has_upper() {
  return Format::kGroupValues != 128 && !__is_same(Format, Q2K);
}
template <typename Format>
using SuperBlockTilesOf =
    SuperBlockTiles<has_upper<Format>(), Format::kHasMin ? 256 / Format::kGroupValues : 2, Format::kHasMin>;

}  // namespace
}  // namespace assay::kernels
