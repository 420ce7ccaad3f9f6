// Products of types with blocks of 256 values: Q2_K to Q6_K.
//
// A format unpacks its quants as unsigned bytes in natural order, 64 at a time (a "quarter"), and its sub-scales as
// sixteen signed bytes, one for each 16 values. Quants with a bias b keep it: q = u - b. With s the sub-scale of a pair
// of values,
//   H = sum s * (u * hi - b * hi) and L = sum s * (lo * (u - b)), the parentheses being sums of two products in 16
//   bits.
//
// Nothing overflows. 16 bits, where vpmaddubsw would saturate at 32767: u <= 63 (6 bits), |hi| <= 128, b <= 32:
// 2 * 63 * 128 = 16128, and with the bias 16128 + 2 * 32 * 128 = 24320; |u - b| <= 63, lo <= 255: 2 * 255 * 63 = 32130.
// 32 bits, over 256 values: |s| <= 128 with |u - b| <= 32 (Q6_K), or s, u - b <= 63 * 31 (Q5_K): at most
// 256 * 4096 * 256 = 2^28. Minimums: 63 * 32767 * 256 < 2^29.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>

#include <immintrin.h>

#include "kernels/generic/product_driver.h"

namespace assay::kernels {
namespace {

/// One quarter of a block's activations.
struct PlaneQuarter {
  Int hi, lo;
};

template <int kQuarter>
inline PlaneQuarter load_planes(const Token& x, std::size_t first) {
  return {load(x.hi + first + 64 * kQuarter), load(x.lo + first + 64 * kQuarter)};
}

/// Adds a quarter's products to both sums. `hi_bias` is b * hi, in pairs.
template <bool kIsBiased>
inline void add_quarter(Int unsigned_quants, Int signed_quants, Int scales, const PlaneQuarter& x, Int hi_bias,
                        Int& high, Int& low) {
  Int products = multiply_bytes(unsigned_quants, x.hi);
  if constexpr (kIsBiased) products = subtract_words(products, hi_bias);
  high = dot_words(high, products, scales);
  low = dot_words(low, multiply_bytes(x.lo, signed_quants), scales);
}

template <typename Format>
struct SuperBlockProduct {
  static constexpr std::size_t kValues = 256;
  static constexpr bool kIsBiased = Format::kBias != 0;

  template <int kQuarter>
  static Int hi_bias(const Token& x, std::size_t first) {
    if constexpr (!kIsBiased) return zero();
    return multiply_bytes(all_bytes(Format::kBias), load(x.hi + first + 64 * kQuarter));
  }
  static Int signed_of(Int quants) {
    if constexpr (!kIsBiased) return quants;
    return subtract_bytes(quants, all_bytes(Format::kBias));
  }
  template <int kQuarter>
  static void row_quarter(const Byte* block, Scales scales, const Token& x, std::size_t first, Int bias, Int& high,
                          Int& low) {
    const Int quants = Format::template quants<kQuarter>(block);
    add_quarter<kIsBiased>(quants, signed_of(quants), spread<kQuarter>(scales), load_planes<kQuarter>(x, first), bias,
                           high, low);
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
      const Int bias[] = {hi_bias<0>(x, first), hi_bias<1>(x, first), hi_bias<2>(x, first), hi_bias<3>(x, first)};
      Int high[kTile];
      Int low[kTile];
      Int min[kTile];
      for (std::size_t i = 0; i < kTile; ++i) {
        const Byte* weights = tile.row[i] + offset;
        for (std::size_t line = 0; line < Format::kBytes; line += 64)
          _mm_prefetch(reinterpret_cast<const char*>(weights + tile.bytes_ahead + line), _MM_HINT_T0);
        const Scales scales = make_scales(Format::scales(weights));
        high[i] = zero();
        low[i] = zero();
        row_quarter<0>(weights, scales, x, first, bias[0], high[i], low[i]);
        row_quarter<1>(weights, scales, x, first, bias[1], high[i], low[i]);
        row_quarter<2>(weights, scales, x, first, bias[2], high[i], low[i]);
        row_quarter<3>(weights, scales, x, first, bias[3], high[i], low[i]);
        if constexpr (Format::kHasMin)
          min[i] = multiply_ints(widen_to_ints(Format::mins(weights)), load(x.sums + first / 16));
      }
      const WeightScales weight = weight_scales<Format::kHasMin>(tile.row, offset + Format::kScaleOffset);
      Int8 min_totals = _mm256_setzero_si256();
      if constexpr (Format::kHasMin) min_totals = totals(min);
      sum = float_step<Format::kHasMin>(sum, weight, _mm256_set1_ps(x.d[block]), joined(high, low), min_totals);
    }
    store_outputs(sum, tile.count, out, 1);
  }

  /// A block taken apart, for several tokens.
  struct Unpacked {
    Int quants[4], signed_quants[4], scales[4];
    Int min;
  };
  template <int kQuarter>
  static void unpack_quarter(const Byte* block, Scales scales, Unpacked& unpacked) {
    unpacked.quants[kQuarter] = Format::template quants<kQuarter>(block);
    unpacked.signed_quants[kQuarter] = signed_of(unpacked.quants[kQuarter]);
    unpacked.scales[kQuarter] = spread<kQuarter>(scales);
  }
  static Unpacked unpack(const Byte* block) {
    Unpacked unpacked;
    const Scales scales = make_scales(Format::scales(block));
    unpack_quarter<0>(block, scales, unpacked);
    unpack_quarter<1>(block, scales, unpacked);
    unpack_quarter<2>(block, scales, unpacked);
    unpack_quarter<3>(block, scales, unpacked);
    if constexpr (Format::kHasMin) unpacked.min = widen_to_ints(Format::mins(block));
    return unpacked;
  }
  template <int kQuarter>
  static void token_quarter(const Unpacked& weights, const Token& x, std::size_t first, Int bias, Int& high, Int& low) {
    add_quarter<kIsBiased>(weights.quants[kQuarter], weights.signed_quants[kQuarter], weights.scales[kQuarter],
                           load_planes<kQuarter>(x, first), bias, high, low);
  }

  /// `count` rows (at most kRowsOfTokenTile), eight tokens.
  static void tokens(const Byte* rows, std::size_t row_bytes, std::size_t count, const TokenTile& tile,
                     std::size_t width, float* out, std::size_t out_stride) {
    __m256 sums[kRowsOfTokenTile];
    for (__m256& sum : sums) sum = _mm256_setzero_ps();
    for (std::size_t block = 0; block < width / kValues; ++block) {
      const std::size_t first = block * kValues;
      const __m256 d = activation_scales(tile.token, block);
      Int bias[kTile][4];
      if constexpr (kIsBiased) {
        for (std::size_t i = 0; i < kTile; ++i) {
          bias[i][0] = hi_bias<0>(tile.token[i], first);
          bias[i][1] = hi_bias<1>(tile.token[i], first);
          bias[i][2] = hi_bias<2>(tile.token[i], first);
          bias[i][3] = hi_bias<3>(tile.token[i], first);
        }
      }
      for (std::size_t row = 0; row < count; ++row) {
        const Byte* block_bytes = rows + row * row_bytes + block * Format::kBytes;
        const Unpacked weights = unpack(block_bytes);
        Int high[kTile];
        Int low[kTile];
        Int min[kTile];
        for (std::size_t i = 0; i < kTile; ++i) {
          const Token& x = tile.token[i];
          high[i] = zero();
          low[i] = zero();
          token_quarter<0>(weights, x, first, bias[i][0], high[i], low[i]);
          token_quarter<1>(weights, x, first, bias[i][1], high[i], low[i]);
          token_quarter<2>(weights, x, first, bias[i][2], high[i], low[i]);
          token_quarter<3>(weights, x, first, bias[i][3], high[i], low[i]);
          if constexpr (Format::kHasMin) min[i] = multiply_ints(weights.min, load(x.sums + first / 16));
        }
        const WeightScales weight = same_weight_scales<Format::kHasMin>(block_bytes + Format::kScaleOffset);
        Int8 min_totals = _mm256_setzero_si256();
        if constexpr (Format::kHasMin) min_totals = totals(min);
        sums[row] = float_step<Format::kHasMin>(sums[row], weight, d, joined(high, low), min_totals);
      }
    }
    for (std::size_t row = 0; row < count; ++row) store_outputs(sums[row], tile.count, out + row, out_stride);
  }
};

}  // namespace
}  // namespace assay::kernels
