// Products of one token with blocks of 256 ternary quants, TQ1_0 and TQ2_0, which have no sub-scales;
// avx512/super_block.h has the other ones.
//
// Digits u = q + 1 stay in the order in which the bytes hold them: vector n has digit n of every byte, and a token's
// planes are put in that order once for eight rows. vpdpbusd multiplies digits with hi, and after a shift, which makes
// it 256 times as much, with lo on top of it. What the bias takes away, the sum of x, is the same for all rows. As no u
// is above 3, |256 * H + L| <= 2 * 32767 * 256 < 2^24: the float of that sum is I.
//
// Included after avx512/vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/avx512/look_up.h"
#include "kernels/generic/super_block.h"
#include "kernels/generic/super_block_formats.h"

namespace assay::kernels {
namespace {

/// Fields of two bits of every byte.
template <int kField>
inline Int two_bits(Int bytes) {
  return bit_and(shift_words_right<2 * kField>(bytes), all_bytes(3));
}

template <typename Format>
struct Digits;

template <>
struct Digits<Tq20> {
  static constexpr std::size_t kVectors = 4;

  template <int kDigit>
  static Int plane(const void* plane) {
    const Byte* first = static_cast<const Byte*>(plane) + 32 * kDigit;
    return load_two_halves(first, first + 128);
  }
  static void take(const Byte* block, Int* digits) {
    const Int bytes = load(block);
    digits[0] = two_bits<0>(bytes);
    digits[1] = two_bits<1>(bytes);
    digits[2] = two_bits<2>(bytes);
    digits[3] = two_bits<3>(bytes);
  }
};

/// By bytes of TQ1_0: four digits in fields of two bits, and the fifth.
struct TernaryTables {
  alignas(64) Byte fours[256] = {};
  alignas(64) Byte fifths[256] = {};

  constexpr TernaryTables() {
    for (unsigned byte = 0; byte < 256; ++byte) {
      unsigned thrice = 3 * byte;
      for (int i = 0; i < 4; ++i, thrice = 3 * (thrice & 255))
        fours[byte] = static_cast<Byte>(fours[byte] | thrice >> 8 << (2 * i));
      fifths[byte] = static_cast<Byte>(thrice >> 8);
    }
  }
};
inline constexpr TernaryTables kTernaryTables;

template <>
struct Digits<Tq10> {
  static constexpr std::size_t kVectors = 5;

  template <int kDigit>
  static Int plane(const void* plane) {
    const Byte* values = static_cast<const Byte*>(plane);
    const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + 32 * kDigit));
    const Int all = _mm512_inserti32x4(_mm512_zextsi256_si512(first), load_lane(values + 160 + 16 * kDigit), 2);
    if constexpr (kDigit == 4) return all;
    return _mm512_mask_set1_epi32(all, 0x1000, static_cast<int>(load_double_word(values + 240 + 4 * kDigit)));
  }
  static void take(const Byte* block, Int* digits) {
    const Int bytes = _mm512_maskz_loadu_epi8((std::uint64_t{1} << 52) - 1, block);
    const Int fours = look_up_256(kTernaryTables.fours, bytes);
    digits[0] = two_bits<0>(fours);
    digits[1] = two_bits<1>(fours);
    digits[2] = two_bits<2>(fours);
    digits[3] = two_bits<3>(fours);
    digits[4] = look_up_256(kTernaryTables.fifths, bytes);
  }
};

template <typename Format>
requires(Format::kGroupValues == 128 && Format::kBias == 1) struct SuperBlockProduct<Format> {
  static constexpr std::size_t kValues = 256;
  static constexpr std::size_t kVectors = Digits<Format>::kVectors;

  struct Plane {
    Int vector[kVectors];
  };
  static Plane plane_of(const void* values) {
    using D = Digits<Format>;
    Plane plane = {D::template plane<0>(values), D::template plane<1>(values), D::template plane<2>(values),
                   D::template plane<3>(values)};
    if constexpr (kVectors == 5) plane.vector[4] = D::template plane<4>(values);
    return plane;
  }

  static __m256 step(__m256 sum, const WeightScales& weight, float d, const Int* products) {
    return float_step<false>(sum, weight, _mm256_set1_ps(d), _mm256_cvtepi32_ps(totals(products)),
                             _mm256_setzero_si256());
  }

  static __m256 block_step(__m256 sum, const WeightScales& weight, const RowTile& tile, std::size_t offset,
                           const Token& x, std::size_t block) {
    const Plane hi = plane_of(x.hi + block * kValues);
    const Plane lo = plane_of(x.lo + block * kValues);
    const Int start = subtract_ints(zero(), load(x.sums + 16 * block));
    Int products[kTile];
// All rows in sight of GCC cost up to a fifth more on Zen 4.
#pragma GCC unroll 1
    for (std::size_t i = 0; i < kTile; ++i) {
      const Byte* bytes = tile.row[i] + offset;
      prefetch_near<Format::kBytes>(bytes);
      Int digits[kVectors];
      Digits<Format>::take(bytes, digits);
      Int high = zero();
      Int low = start;
#pragma GCC unroll 5
      for (std::size_t n = 0; n < kVectors; ++n) {
        high = dot_bytes(high, digits[n], hi.vector[n]);
        low = dot_bytes(low, lo.vector[n], digits[n]);
      }
      products[i] = add_ints(shift_ints_left<8>(high), low);
    }
    return step(sum, weight, x.d[block], products);
  }

  static __m256 remainder_step(__m256 sum, const WeightScales& weight, const RowTile& tile, std::size_t offset,
                               const Token& x, std::size_t block) {
    const Plane remainder = plane_of(x.remainder + block * kValues);
    const Int start = subtract_ints(zero(), load(x.remainder_sums + 16 * block));
    Int products[kTile];
    for (std::size_t i = 0; i < kTile; ++i) {
      Int digits[kVectors];
      Digits<Format>::take(tile.row[i] + offset, digits);
      products[i] = start;
      for (std::size_t n = 0; n < kVectors; ++n) products[i] = dot_bytes(products[i], digits[n], remainder.vector[n]);
    }
    return step(sum, weight, x.remainder_d[block], products);
  }

  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    __m256 sum = _mm256_setzero_ps();
    for (std::size_t block = 0; block < width / kValues; ++block) {
      const std::size_t offset = block * Format::kBytes;
      const WeightScales weight = weight_scales<Format>(tile.row, offset);
      sum = block_step(sum, weight, tile, offset, x, block);
      if (x.remainder_d[block] != 0) sum = remainder_step(sum, weight, tile, offset, x, block);
    }
    store_outputs(tile, sum, out);
  }
};

}  // namespace
}  // namespace assay::kernels
