// The product of one token with IQ4_XS; generic/super_block.h has the other ones, and what H and L are.
//
// A vector of 64 bytes holds the nibbles of four groups of 32, a lane each, so that vpdpbusd adds up both halves of a
// group in its lane, as in nibble_block.h. Ints of a lane are added up, four rows together, before they are multiplied
// with the sub-scale: of a group at most 32 * 127 * 255 < 2^20.
//
// Included after avx512/vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/avx512/nibble_formats.h"
#include "kernels/generic/super_block.h"
#include "kernels/generic/super_block_formats.h"

namespace assay::kernels {
namespace {

template <>
struct SuperBlockProduct<Iq4Xs> {
  static constexpr std::size_t kValues = 256;
  static constexpr std::size_t kHalfRows = kTile / 2;

  /// A plane of a token: groups 0-3 and 4-7.
  struct Plane {
    Halves groups[2];
  };
  static Plane plane_of(const void* plane) {
    return {{halves(plane), halves(static_cast<const Byte*>(plane) + kValues / 2)}};
  }
  /// Where sums of products with a signed plane begin: at -128 * its sum.
  struct Start {
    Int groups[2];
  };
  static Start start_of(const Plane& plane) {
    const Halves bias = {all_bytes(Iq4Xs::kBias), all_bytes(Iq4Xs::kBias)};
    return {{subtract_ints(zero(), dot_halves(zero(), bias, plane.groups[0])),
             subtract_ints(zero(), dot_halves(zero(), bias, plane.groups[1]))}};
  }

  /// The first eight bytes of each row: d, the upper two bits of eight scales, their lower four.
  static Int heads_of(const RowTile& tile, std::size_t offset) {
    const auto head = [&](int i) { return static_cast<long long>(load_quad_word(tile.row[i] + offset)); };
    return _mm512_setr_epi64(head(0), head(1), head(2), head(3), head(4), head(5), head(6), head(7));
  }
  /// Bytes: the scales of eight groups of each row.
  static Int scales_of(Int heads) {
    // Byte i: eight bits from its own four on, and from four before its own two on.
    const Int low = _mm512_multishift_epi64_epi8(_mm512_set1_epi64(0x3C3834302C282420), heads);
    const Int upper = _mm512_multishift_epi64_epi8(_mm512_set1_epi64(0x1A18161412100E0C), heads);
    const Int fields = bit_or(bit_and(low, all_bytes(15)), bit_and(upper, all_bytes(0x30)));
    return subtract_bytes(fields, all_bytes(32));
  }
  /// Ints: in lane i those of group 4 * kHalf + i, of four rows.
  template <int kHalf, int kRowsHalf>
  static Int scales_of_rows(Int scales) {
    static constexpr Numbers kOrder =
        numbers([](int lane, int byte) { return 8 * (4 * kRowsHalf + byte / 4) + 4 * kHalf + lane; });
    return shift_ints_right<24>(_mm512_permutexvar_epi8(load(kOrder.bytes), scales));
  }

  /// Of four rows, an int each in every lane; lanes are not added yet.
  struct Sums {
    Int high, low, remainder;
  };
  template <int kRowsHalf, bool kHasRemainder>
  [[gnu::always_inline]] static Sums sums_of(const RowTile& tile, std::size_t offset, Int scales, const Plane& hi,
                                             const Plane& lo, const Start& start, const Plane& remainder,
                                             const Start& remainder_start) {
    Int high[2][kHalfRows];
    Int low[2][kHalfRows];
    Int rest[2][kHalfRows];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kHalfRows; ++i) {
      const Byte* block = tile.row[kRowsHalf * kHalfRows + i] + offset;
      prefetch_stream<Iq4Xs::kBytes>(block);
#pragma GCC unroll 2
      for (std::size_t half = 0; half < 2; ++half) {
        const Halves quants = entries_of(load(block + 8 + 64 * half), Iq4Xs::codebook());
        high[half][i] = dot_halves(start.groups[half], quants, hi.groups[half]);
        low[half][i] = dot_halves(zero(), lo.groups[half], without_128(quants));
        if constexpr (kHasRemainder)
          rest[half][i] = dot_halves(remainder_start.groups[half], quants, remainder.groups[half]);
      }
    }
    const Int first = scales_of_rows<0, kRowsHalf>(scales);
    const Int last = scales_of_rows<1, kRowsHalf>(scales);
    const auto scaled = [&](const Int(&sums)[2][kHalfRows]) {
      return add_ints(multiply_ints(lane_sums(sums[0]), first), multiply_ints(lane_sums(sums[1]), last));
    };
    Sums sums = {scaled(high), scaled(low), zero()};
    if constexpr (kHasRemainder) sums.remainder = scaled(rest);
    return sums;
  }

  template <bool kHasRemainder>
  [[gnu::always_inline]] static __m256 add_block(__m256 sum, const RowTile& tile, const Token& x, std::size_t block) {
    const std::size_t offset = block * Iq4Xs::kBytes;
    const std::size_t value = block * kValues;
    const Int heads = heads_of(tile, offset);
    const Int scales = scales_of(heads);
    const Plane hi = plane_of(x.hi + value);
    const Plane lo = plane_of(x.lo + value);
    const Start start = start_of(hi);
    const Plane remainder = kHasRemainder ? plane_of(x.remainder + value) : Plane{};
    const Start remainder_start = kHasRemainder ? start_of(remainder) : Start{};
    const Sums a = sums_of<0, kHasRemainder>(tile, offset, scales, hi, lo, start, remainder, remainder_start);
    const Sums b = sums_of<1, kHasRemainder>(tile, offset, scales, hi, lo, start, remainder, remainder_start);
    const WeightScales weight = {_mm256_cvtph_ps(_mm512_cvtepi64_epi16(heads)), _mm256_setzero_ps()};
    // H of the eight rows in the lower half, L in the upper. I = fma(256, float(H), float(L)).
    const Float totals = to_floats(add_lanes(add_lanes(a.high, b.high), add_lanes(a.low, b.low)));
    const __m256 joined =
        _mm256_fmadd_ps(_mm256_set1_ps(256.0F), _mm512_castps512_ps256(totals), _mm512_extractf32x8_ps(totals, 1));
    sum = float_step<false>(sum, weight, _mm256_set1_ps(x.d[block]), joined, _mm256_setzero_si256());
    if constexpr (!kHasRemainder) return sum;
    const Int rest = add_lanes(a.remainder, b.remainder);
    return float_step<false>(sum, weight, _mm256_set1_ps(x.remainder_d[block]),
                             _mm256_cvtepi32_ps(_mm512_castsi512_si256(add_lanes(rest, rest))), _mm256_setzero_si256());
  }
  [[gnu::noinline]] static __m256 add_block_with_remainder(__m256 sum, const RowTile& tile, const Token& x,
                                                           std::size_t block) {
    return add_block<true>(sum, tile, x, block);
  }

  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    __m256 sum = _mm256_setzero_ps();
    for (std::size_t block = 0; block < width / kValues; ++block) {
      if (x.remainder_d[block] != 0) {
        sum = add_block_with_remainder(sum, tile, x, block);
      } else {
        sum = add_block<false>(sum, tile, x, block);
      }
    }
    store_outputs(tile, sum, out);
  }
};

}  // namespace
}  // namespace assay::kernels
