// Products of one token with super-blocks of small quants, by the instructions of VNNI; generic/super_block.h has the
// other ones, and what H, L and M are.
//
// vpdpbusd adds four products of a plane, which fit a word: 4 * 31 * 255 = 31620 (Q5_K), 4 * 32 * 255 = 32640 (Q6_K,
// without its bias). Those of hi and of lo are packed together, so that one instruction multiplies both with the
// sub-scale, and one vector holds both sums of a row: in every lane two ints of H, then two of L. Of a block without
// sub-scales (TQ1_0, TQ2_0) sixteen fit, 16 * 2 * 255 = 8160.
//
// Included after avx512/vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/avx512/sub_scales.h"
#include "kernels/generic/super_block.h"

namespace assay::kernels {
namespace {

template <typename Format>
requires(Format::kBias <= 32) struct SuperBlockProduct<Format> {
  static constexpr std::size_t kValues = 256;
  static constexpr bool kIsWhole = Format::kGroupValues == 128;

  /// A block of a token: its planes, and where their products begin, at -b * the sum of each four values. The starts of
  /// a whole block are added up to the first.
  struct Planes {
    const std::int8_t* hi;
    const std::uint8_t* lo;
    const std::int8_t* remainder;
    Int hi_start[4], lo_start[4], remainder_start[4];
  };
  template <bool kHasRemainder>
  static Planes planes_of(const Token& x, std::size_t first) {
    Planes planes = {x.hi + first, x.lo + first, x.remainder + first, {}, {}, {}};
    const auto signed_start = [](const std::int8_t* plane) {
      return subtract_ints(zero(), dot_bytes(zero(), all_bytes(Format::kBias), load(plane)));
    };
    for (std::size_t i = 0; i < 4 && Format::kBias != 0; ++i) {
      planes.hi_start[i] = signed_start(planes.hi + 64 * i);
      planes.lo_start[i] = dot_bytes(zero(), load(planes.lo + 64 * i), all_bytes(-Format::kBias));
      if constexpr (kHasRemainder) planes.remainder_start[i] = signed_start(planes.remainder + 64 * i);
    }
    if constexpr (kIsWhole) {
      const auto add_up = [](Int* start) {
        start[0] = add_ints(add_ints(start[0], start[1]), add_ints(start[2], start[3]));
      };
      add_up(planes.hi_start);
      add_up(planes.lo_start);
      add_up(planes.remainder_start);
    }
    return planes;
  }

  /// Of eight rows, one vector each.
  struct Sums {
    Int main[kTile], remainder[kTile];
  };
  template <int kQuarter, bool kHasRemainder, typename Scales>
  static void add_quarter(const Byte* block, const Scales& scales, const Planes& x, std::size_t i, Sums& sums) {
    const Int quants = Format::template quants<kQuarter>(block);
    const Int scale = scales.template quarter<kQuarter>();
    const Int high = dot_bytes(x.hi_start[kQuarter], quants, load(x.hi + 64 * kQuarter));
    const Int low = dot_bytes(x.lo_start[kQuarter], load(x.lo + 64 * kQuarter), quants);
    sums.main[i] = dot_words(sums.main[i], _mm512_packs_epi32(high, low), scale);
    if constexpr (kHasRemainder) {
      const Int rest = dot_bytes(x.remainder_start[kQuarter], quants, load(x.remainder + 64 * kQuarter));
      sums.remainder[i] = dot_words(sums.remainder[i], _mm512_packs_epi32(rest, zero()), scale);
    }
  }

  template <bool kHasRemainder, typename Scales>
  static void add_row(const Byte* block, const Scales& scales, const Planes& x, std::size_t i, Sums& sums) {
    prefetch_stream<Format::kBytes>(block);
    sums.main[i] = sums.remainder[i] = zero();
    add_quarter<0, kHasRemainder>(block, scales, x, i, sums);
    add_quarter<1, kHasRemainder>(block, scales, x, i, sums);
    add_quarter<2, kHasRemainder>(block, scales, x, i, sums);
    add_quarter<3, kHasRemainder>(block, scales, x, i, sums);
  }

  /// Without sub-scales.
  template <int kQuarter, bool kHasRemainder>
  static void dot_quarter(const Byte* block, const Planes& x, Int& high, Int& low, Int& rest) {
    const Int quants = Format::template quants<kQuarter>(block);
    high = dot_bytes(high, quants, load(x.hi + 64 * kQuarter));
    low = dot_bytes(low, load(x.lo + 64 * kQuarter), quants);
    if constexpr (kHasRemainder) rest = dot_bytes(rest, quants, load(x.remainder + 64 * kQuarter));
  }
  template <bool kHasRemainder>
  static void add_whole(const Byte* block, const Planes& x, std::size_t i, Sums& sums) {
    prefetch_stream<Format::kBytes>(block);
    Int high = x.hi_start[0];
    Int low = x.lo_start[0];
    Int rest = x.remainder_start[0];
    dot_quarter<0, kHasRemainder>(block, x, high, low, rest);
    dot_quarter<1, kHasRemainder>(block, x, high, low, rest);
    dot_quarter<2, kHasRemainder>(block, x, high, low, rest);
    dot_quarter<3, kHasRemainder>(block, x, high, low, rest);
    sums.main[i] = dot_words(zero(), _mm512_packs_epi32(high, low), all_words(1));
    if constexpr (kHasRemainder) sums.remainder[i] = dot_words(zero(), _mm512_packs_epi32(rest, zero()), all_words(1));
  }

  template <bool kHasRemainder>
  static __m256 block_step(__m256 sum, const RowTile& tile, const Token& x, std::size_t block) {
    const std::size_t offset = block * Format::kBytes;
    const Planes planes = planes_of<kHasRemainder>(x, block * kValues);
    const SubScales<Format> scales(tile, offset);
    Sums sums;
// GCC makes constants anew for every row unless it sees all of them.
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kTile; ++i) {
      if constexpr (kIsWhole) {
        add_whole<kHasRemainder>(tile.row[i] + offset, planes, i, sums);
      } else {
        add_row<kHasRemainder>(tile.row[i] + offset, scales.of_row(i), planes, i, sums);
      }
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
    const Int a = add_lanes(add_lanes(v[0], v[1]), add_lanes(v[2], v[3]));
    const Int b = add_lanes(add_lanes(v[4], v[5]), add_lanes(v[6], v[7]));
    const Int even = bits_of(_mm512_shuffle_ps(floats_of(a), floats_of(b), 0x88));
    const Int odd = bits_of(_mm512_shuffle_ps(floats_of(a), floats_of(b), 0xDD));
    const Int lanes = add_ints(even, odd);  // lane i: H and L of row i, then of row i + 4
    const Int order = _mm512_setr_epi32(0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15);
    return to_floats(_mm512_permutexvar_epi32(order, lanes));
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
