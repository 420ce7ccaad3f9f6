// Products of types with blocks of 256 values.
//
// A format unpacks its quants as unsigned bytes in natural order, 64 at a time (a "quarter"), and its sub-scales as
// sixteen signed bytes, one for each 16 values. Quants with a bias b keep it: q = u - b. With s the sub-scale of a pair
// of values,
//   H = sum s * (u * hi - b * hi) and L = sum s * (lo * (u - b)), the parentheses being sums of two products in 16
//   bits; the remainders are summed as hi is.
// Wide quants (b = 128) fill their byte: products are summed in 32 bits, four at a time, before the sub-scale. A whole
// block has no sub-scales: all its products are summed so.
//
// Nothing overflows. 16 bits, where vpmaddubsw would saturate at 32767: u <= 127, b <= 64, |u - b| <= 63, |hi| <= 128
// and lo <= 255: 2 * 127 * 128 = 32512, 2 * 64 * 128 = 16384, 2 * 255 * 63 = 32130; what is left without the bias is at
// most 2 * 63 * 128 again. 32 bits, over 256 values: |s| <= 128 with |u - b| <= 32 (Q6_K), s <= 63 with u <= 31 (Q5_K),
// s <= 31 with |u - b| <= 62 (IQ3_XXS), |s| <= 32 with |u - b| <= 127 (IQ4_XS): at most 256 * 4096 * 256 = 2^28.
// Minimums: 63 * 32767 * 256 < 2^29.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>

#include <immintrin.h>

#include "kernels/generic/block_quants.h"
#include "kernels/generic/float_step.h"
#include "kernels/generic/product_driver.h"

namespace assay::kernels {
namespace {

/// The sums of one output and one block, before their lanes are added.
struct BlockSums {
  Int high[kTile], low[kTile], remainder[kTile], min[kTile], remainder_min[kTile];
};

template <typename Format>
struct SuperBlockProduct {
  static constexpr std::size_t kValues = 256;
  static constexpr bool kIsBiased = Format::kBias != 0;
  static constexpr bool kIsWide = Format::kBias == 128;
  static constexpr bool kIsWhole = Format::kGroupValues == 128;

  /// b * hi (or b * r) of a block, in pairs; of wide quants and whole blocks what sums of four begin at, -b * hi.
  struct Bias {
    Int quarter[4];
  };
  static Int dot_quants(Int sum, Int unsigned_bytes, Int signed_bytes) {
    return kIsWide ? dot_wide_bytes(sum, unsigned_bytes, signed_bytes) : dot_bytes(sum, unsigned_bytes, signed_bytes);
  }
  static Bias bias_of(const std::int8_t* plane) {
    Bias bias = {};
    for (std::size_t i = 0; i < 4 && kIsBiased; ++i) {
      if constexpr (kIsWide || kIsWhole) {
        bias.quarter[i] = subtract_ints(zero(), dot_quants(zero(), all_bytes(Format::kBias), load(plane + 64 * i)));
      } else {
        bias.quarter[i] = multiply_bytes(all_bytes(Format::kBias), load(plane + 64 * i));
      }
    }
    return bias;
  }

  static Int signed_of(Int quants) {
    if constexpr (!kIsBiased) return quants;
    return subtract_bytes(quants, all_bytes(Format::kBias));
  }

  /// A block taken apart.
  struct Unpacked {
    Int quants[4], signed_quants[4], scales[4];
    Int min;
  };
  template <int kQuarter, typename AllScales>
  static void unpack_quarter(const BlockQuants<Format>& block, AllScales scales, Unpacked& unpacked) {
    const Int quants = block.template quarter<kQuarter>();
    unpacked.quants[kQuarter] = quants;
    unpacked.signed_quants[kQuarter] = signed_of(quants);
    if constexpr (kIsWide) {
      unpacked.scales[kQuarter] = spread_ints<kQuarter>(scales);
    } else {
      unpacked.scales[kQuarter] = spread<kQuarter>(scales);
    }
  }
  static auto all_scales(const Byte* block) {
    if constexpr (kIsWide) return widen_signed_to_ints(Format::scales(block));
    if constexpr (!kIsWide) return make_scales(Format::scales(block));
  }
  static Unpacked unpack(const Byte* block) {
    Unpacked unpacked;
    const auto scales = all_scales(block);
    const BlockQuants<Format> quants(block);
    unpack_quarter<0>(quants, scales, unpacked);
    unpack_quarter<1>(quants, scales, unpacked);
    unpack_quarter<2>(quants, scales, unpacked);
    unpack_quarter<3>(quants, scales, unpacked);
    if constexpr (Format::kHasMin) unpacked.min = widen_signed_to_ints(Format::mins(block));
    return unpacked;
  }

  static Int signed_sum(const Unpacked& weights, const std::int8_t* plane, const Bias& bias) {
    Int sum = zero();
    for (std::size_t i = 0; i < 4; ++i) {
      if constexpr (kIsWhole) {
        sum = add_ints(dot_quants(sum, weights.quants[i], load(plane + 64 * i)), bias.quarter[i]);
      } else if constexpr (kIsWide) {
        const Int products = dot_wide_bytes(bias.quarter[i], weights.quants[i], load(plane + 64 * i));
        sum = add_ints(sum, multiply_ints(products, weights.scales[i]));
      } else {
        Int products = multiply_bytes(weights.quants[i], load(plane + 64 * i));
        if constexpr (kIsBiased) products = subtract_words(products, bias.quarter[i]);
        sum = dot_words(sum, products, weights.scales[i]);
      }
    }
    return sum;
  }
  static Int unsigned_sum(const Unpacked& weights, const std::uint8_t* plane) {
    Int sum = zero();
    for (std::size_t i = 0; i < 4; ++i) {
      if constexpr (kIsWhole) {
        sum = dot_quants(sum, load(plane + 64 * i), weights.signed_quants[i]);
      } else if constexpr (kIsWide) {
        const Int products = dot_wide_bytes(zero(), load(plane + 64 * i), weights.signed_quants[i]);
        sum = add_ints(sum, multiply_ints(products, weights.scales[i]));
      } else {
        sum = dot_words(sum, multiply_bytes(load(plane + 64 * i), weights.signed_quants[i]), weights.scales[i]);
      }
    }
    return sum;
  }

  /// Output number i of a tile.
  static void add_block(const Unpacked& weights, const Token& x, std::size_t first, const Bias& bias, std::size_t i,
                        BlockSums& sums) {
    sums.high[i] = signed_sum(weights, x.hi + first, bias);
    sums.low[i] = unsigned_sum(weights, x.lo + first);
    if constexpr (Format::kHasMin) sums.min[i] = multiply_ints(weights.min, load(x.sums + first / 16));
  }
  static void add_remainder(const Unpacked& weights, const Token& x, std::size_t first, const Bias& bias, std::size_t i,
                            BlockSums& sums) {
    sums.remainder[i] = signed_sum(weights, x.remainder + first, bias);
    if constexpr (Format::kHasMin)
      sums.remainder_min[i] = multiply_ints(weights.min, load(x.remainder_sums + first / 16));
  }

  /// The float steps of one block for eight outputs.
  static __m256 block_step(__m256 sum, const WeightScales& weight, __m256 d, const BlockSums& sums) {
    return float_step<Format::kHasMin>(sum, weight, d, joined(sums.high, sums.low), min_totals(sums.min));
  }
  static __m256 block_remainder_step(__m256 sum, const WeightScales& weight, __m256 d, const BlockSums& sums) {
    return float_step<Format::kHasMin>(sum, weight, d, _mm256_cvtepi32_ps(totals(sums.remainder)),
                                       min_totals(sums.remainder_min));
  }
  static Int8 min_totals(const Int* min) {
    if constexpr (!Format::kHasMin) return _mm256_setzero_si256();
    return totals(min);
  }

  /// I = fma(256, float(H), float(L)).
  static __m256 joined(const Int* high, const Int* low) {
    Int8 high_totals;
    Int8 low_totals;
    totals(high, low, high_totals, low_totals);
    return _mm256_fmadd_ps(_mm256_set1_ps(256.0F), _mm256_cvtepi32_ps(high_totals), _mm256_cvtepi32_ps(low_totals));
  }

  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    __m256 sum = _mm256_setzero_ps();
    for (std::size_t block = 0; block < width / kValues; ++block) {
      const std::size_t first = block * kValues;
      const std::size_t offset = block * Format::kBytes;
      const bool has_remainder = x.remainder_d[block] != 0;
      const Bias bias = bias_of(x.hi + first);
      const Bias remainder_bias = has_remainder ? bias_of(x.remainder + first) : Bias{};
      BlockSums sums;
      for (std::size_t i = 0; i < kTile; ++i) {
        const Byte* block_bytes = tile.row[i] + offset;
        prefetch_stream<Format::kBytes>(block_bytes);
        const Unpacked weights = unpack(block_bytes);
        add_block(weights, x, first, bias, i, sums);
        if (has_remainder) add_remainder(weights, x, first, remainder_bias, i, sums);
      }
      const WeightScales weight = weight_scales<Format>(tile.row, offset);
      sum = block_step(sum, weight, _mm256_set1_ps(x.d[block]), sums);
      if (has_remainder) sum = block_remainder_step(sum, weight, _mm256_set1_ps(x.remainder_d[block]), sums);
    }
    store_outputs(tile, sum, out);
  }
};

}  // namespace
}  // namespace assay::kernels
