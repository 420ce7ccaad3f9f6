// Products of one token with super-blocks of small quants, by the instructions of VNNI; generic/super_block.h has the
// other ones, and what H, L and M are.
//
// vpdpbusd adds four products of a plane, which fit a word: 4 * 31 * 255 = 31620 (Q5_K), 4 * 32 * 255 = 32640 (Q6_K,
// without its bias). Those of hi and of lo are packed together, so that one instruction multiplies both with the
// sub-scale, and one vector holds both sums of a row: in every lane two ints of H, then two of L.
//
// Included after avx512/vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/avx512/grid_quants.h"
#include "kernels/avx512/q2_k_block.h"
#include "kernels/avx512/sub_scales.h"
#include "kernels/avx512/ternary_block.h"
#include "kernels/generic/super_block.h"

namespace assay::kernels {
namespace {

/// Which values of a block a quarter holds: 64 in natural order.
template <typename Format>
struct QuarterOrder {
  using Block = BlockQuants<Format>;  ///< what quants are taken from
  template <int kQuarter>
  static Int quants(const Block& block) {
    return block.template quarter<kQuarter>();
  }
  template <int kQuarter>
  static Int plane(const void* plane) {
    return load(static_cast<const Byte*>(plane) + 64 * kQuarter);
  }
};

/// Q4_K and Q5_K: groups g and g + 2, whose nibbles stand side by side, so that only every other quarter is shifted.
template <typename Format>
requires(Format::kHasMin&& Format::kGroupValues == 32) struct QuarterOrder<Format> {
  using Block = const Byte*;
  template <int kQuarter>
  static Int quants(Block block) {
    return Format::template quants_of_groups<first_group(kQuarter)>(block);
  }
  template <int kQuarter>
  static Int plane(const void* plane) {
    const Byte* first = static_cast<const Byte*>(plane) + 32 * first_group(kQuarter);
    return load_two_halves(first, first + 64);
  }
};

template <typename Format>
requires(Format::kBias <= 32 && Format::kGroupValues <= 32) struct SuperBlockProduct<Format> {
  using Block = typename QuarterOrder<Format>::Block;
  static constexpr std::size_t kValues = 256;

  /// A block of a token: its planes, and where their products begin, at -b * the sum of each four values.
  struct Planes {
    Int hi[4], lo[4], remainder[4];
    Int hi_start[4], lo_start[4], remainder_start[4];
  };
  template <int kQuarter, bool kHasRemainder>
  static void take_quarter(const Token& x, std::size_t first, Planes& planes) {
    using Order = QuarterOrder<Format>;
    const Int hi = planes.hi[kQuarter] = Order::template plane<kQuarter>(x.hi + first);
    const Int lo = planes.lo[kQuarter] = Order::template plane<kQuarter>(x.lo + first);
    const auto signed_start = [](Int plane) {
      return subtract_ints(zero(), dot_bytes(zero(), all_bytes(Format::kBias), plane));
    };
    if constexpr (Format::kBias != 0) {
      planes.hi_start[kQuarter] = signed_start(hi);
      planes.lo_start[kQuarter] = dot_bytes(zero(), lo, all_bytes(-Format::kBias));
    }
    if constexpr (kHasRemainder) {
      const Int remainder = planes.remainder[kQuarter] = Order::template plane<kQuarter>(x.remainder + first);
      if constexpr (Format::kBias != 0) planes.remainder_start[kQuarter] = signed_start(remainder);
    }
  }
  template <bool kHasRemainder>
  static Planes planes_of(const Token& x, std::size_t first) {
    Planes planes = {};
    take_quarter<0, kHasRemainder>(x, first, planes);
    take_quarter<1, kHasRemainder>(x, first, planes);
    take_quarter<2, kHasRemainder>(x, first, planes);
    take_quarter<3, kHasRemainder>(x, first, planes);
    return planes;
  }

  /// Of eight rows, one vector each.
  struct Sums {
    Int main[kTile], remainder[kTile];
  };
  template <int kQuarter, bool kHasRemainder, typename Scales>
  static void add_quarter(const Block& block, const Scales& scales, const Planes& x, std::size_t i, Sums& sums) {
    const Int quants = QuarterOrder<Format>::template quants<kQuarter>(block);
    const Int scale = scales.template quarter<kQuarter>();
    const Int high = dot_bytes(x.hi_start[kQuarter], quants, x.hi[kQuarter]);
    const Int low = dot_bytes(x.lo_start[kQuarter], x.lo[kQuarter], quants);
    sums.main[i] = dot_words(sums.main[i], _mm512_packs_epi32(high, low), scale);
    if constexpr (kHasRemainder) {
      const Int rest = dot_bytes(x.remainder_start[kQuarter], quants, x.remainder[kQuarter]);
      sums.remainder[i] = dot_words(sums.remainder[i], _mm512_packs_epi32(rest, zero()), scale);
    }
  }

  template <bool kHasRemainder, typename Scales>
  static void add_row(const Byte* block, const Scales& scales, const Planes& x, std::size_t i, Sums& sums) {
    prefetch_stream<Format::kBytes>(block);
    const Block quants(block);
    sums.main[i] = sums.remainder[i] = zero();
    add_quarter<0, kHasRemainder>(quants, scales, x, i, sums);
    add_quarter<1, kHasRemainder>(quants, scales, x, i, sums);
    add_quarter<2, kHasRemainder>(quants, scales, x, i, sums);
    add_quarter<3, kHasRemainder>(quants, scales, x, i, sums);
  }

  template <bool kHasRemainder>
  static __m256 block_step(__m256 sum, const RowTile& tile, const Token& x, std::size_t block) {
    const std::size_t offset = block * Format::kBytes;
    const Planes planes = planes_of<kHasRemainder>(x, block * kValues);
    typename SubScales<Format>::Words words;
    const SubScales<Format> scales(tile, offset, words);
    Sums sums;
    const auto row = [&](std::size_t i) __attribute__((always_inline)) {
      add_row<kHasRemainder>(tile.row[i] + offset, scales.of_row(i), planes, i, sums);
    };
    if constexpr (SubScales<Format>::kHasWords) {
// GCC takes the words from registers, by shuffles, where it sees all rows.
#pragma GCC unroll 1
      for (std::size_t i = 0; i < kTile; ++i) row(i);
    } else {
// GCC makes constants anew for every row unless it sees all of them.
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kTile; ++i) row(i);
    }
    const WeightScales weight = scales.weight_scales();
    sum = float_step<Format::kHasMin>(sum, weight, _mm256_set1_ps(x.d[block]), joined(sums.main),
                                      scales.min_totals(x.sums + 16 * block));
    if constexpr (!kHasRemainder) return sum;
    return float_step<Format::kHasMin>(sum, weight, _mm256_set1_ps(x.remainder_d[block]), high_totals(sums.remainder),
                                       scales.min_totals(x.remainder_sums + 16 * block));
  }

  /// H of the eight rows in the lower half, L in the upper.
  static Float both_totals(const Int* v) {
    // In every lane H and L of a row, then of the next one.
    const auto pairs = [&](int row) {
      const Float a = floats_of(v[row]);
      const Float b = floats_of(v[row + 1]);
      return add_ints(bits_of(_mm512_shuffle_ps(a, b, 0x88)), bits_of(_mm512_shuffle_ps(a, b, 0xDD)));
    };
    const Int all = add_lanes(add_lanes(pairs(0), pairs(2)), add_lanes(pairs(4), pairs(6)));
    const Int order = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    return to_floats(_mm512_permutexvar_epi32(order, all));
  }
  static __m256 high_totals(const Int* v) { return _mm512_castps512_ps256(both_totals(v)); }
  /// I = fma(256, float(H), float(L)).
  static __m256 joined(const Int* v) {
    const Float totals = both_totals(v);
    return _mm256_fmadd_ps(_mm256_set1_ps(256.0F), _mm512_castps512_ps256(totals), _mm512_extractf32x8_ps(totals, 1));
  }

  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    __m256 sum = _mm256_setzero_ps();
    for (std::size_t block = 0; block < width / kValues; ++block)
      sum = x.remainder_d[block] != 0 ? block_step<true>(sum, tile, x, block) : block_step<false>(sum, tile, x, block);
    store_outputs(tile, sum, out);
  }
};

}  // namespace
}  // namespace assay::kernels
