// Products of one token with blocks of 32 values that end in nibbles, four blocks at a time, a lane of 16 bytes each;
// generic/small_block.h has the other ones.
//
// vpdpbusd multiplies the quants, with their bias, with the planes: H of a block in four ints of its lane, and after a
// shift, which makes it 256 * H, L on top of it. What the bias b adds is the same for all rows: b * the sum of x.
// Quants that fill their byte (b = 128) are unsigned where hi is signed, and signed, without it, where lo is not: then
// H begins at -b * the sum of hi. Exact: 32 * 255 * 32767 < 2^28.
//
// Included after avx512/vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/avx512/nibble_formats.h"
#include "kernels/generic/small_block.h"

namespace assay::kernels {
namespace {

template <typename Format>
requires(requires { NibbleFormat<Format>::kBias; }) struct SmallBlockProduct<Format> {
  using Taken = NibbleFormat<Format>;
  using Pairs = SmallBlockPairs<Format>;
  static constexpr std::size_t kValues = 32;
  static constexpr std::size_t kBlocks = kNibbleBlocks;
  /// Of lines that four blocks do not fill, those they fill to a half.
  static constexpr std::size_t kAskedBytes = (kBlocks * Format::kBytes + kLineBytes / 2) / kLineBytes * kLineBytes;
  static constexpr bool kIsWide = Taken::kBias == 128;

  static Halves signed_of(const Halves& quants) { return kIsWide ? without_128(quants) : quants; }

  /// Where sums of products with a signed plane begin.
  static Int start_of(const Halves& plane) {
    if constexpr (!kIsWide) return zero();
    const Int bias = all_bytes(Taken::kBias);
    return subtract_ints(zero(), dot_halves(zero(), {bias, bias}, plane));
  }
  /// Sums of quant * x of eight rows, from those of each row, whose lane i has four ints of block i. `sums`: of x.
  struct Integers {
    Int8 block[kBlocks];
  };
  static Integers integers_of(const Int* products, Int8 sums) {
    Int first = lane_sums(products);
    Int last = lane_sums(products + 4);
    if constexpr (Taken::kBias != 0 && !kIsWide) {
      const Int sixteens = _mm512_castsi256_si512(sums);
      const Int both = add_ints(_mm512_permutexvar_epi32(one_of_lanes<4, 0, 2>(), sixteens),
                                _mm512_permutexvar_epi32(one_of_lanes<4, 1, 2>(), sixteens));
      const Int surplus = multiply_ints(both, all_ints(Taken::kBias));
      first = subtract_ints(first, surplus);
      last = subtract_ints(last, surplus);
    }
    Integers integers;
    join_rows(first, last, integers.block);
    return integers;
  }

  /// The float operations of one block and one plane, or two.
  static __m256 step(__m256 sum, const WeightScales& weight, float d, Int8 integers, const std::int32_t* sums,
                     std::size_t block) {
    return float_step<Format::kHasMin>(sum, weight, _mm256_set1_ps(d), _mm256_cvtepi32_ps(integers),
                                       _mm256_set1_epi32(Pairs::min_term(sums, block)));
  }
  static Int8 load_sums(const std::int32_t* sums) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums)); }

  /// Four blocks from `block` on.
  template <bool kHasRemainder>
  [[gnu::always_inline]] static __m256 add_four(__m256 sum, const RowTile& tile, const Token& x, std::size_t block) {
    const std::size_t offset = block * Format::kBytes;
    const std::size_t value = block * kValues;
    const Halves hi = halves(x.hi + value);
    const Halves lo = halves(x.lo + value);
    const Int start = start_of(hi);
    Halves remainder = {};
    Int remainder_start = zero();
    if constexpr (kHasRemainder) {
      remainder = halves(x.remainder + value);
      remainder_start = start_of(remainder);
    }
    Int products[kTile];
    Int remainders[kTile];
    Int heads[kTile];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kTile; ++i) {
      const Byte* blocks = tile.row[i] + offset;
      prefetch_stream<kAskedBytes>(blocks);
      const TakenBlocks taken = Taken::take(blocks);
      const Int high = shift_ints_left<8>(dot_halves(start, taken.quants, hi));
      products[i] = dot_halves(high, lo, signed_of(taken.quants));
      if constexpr (kHasRemainder) remainders[i] = dot_halves(remainder_start, taken.quants, remainder);
      heads[i] = taken.heads;
    }
    const NibbleScales scales = Taken::scales(heads);
    const Integers integers = integers_of(products, load_sums(x.sums + 2 * block));
    Integers rest = {};
    if constexpr (kHasRemainder) rest = integers_of(remainders, load_sums(x.remainder_sums + 2 * block));
    for (std::size_t i = 0; i < kBlocks; ++i) {
      sum = step(sum, scales.block[i], x.d[block + i], integers.block[i], x.sums, block + i);
      if constexpr (kHasRemainder) {
        if (x.remainder_d[block + i] != 0)
          sum = step(sum, scales.block[i], x.remainder_d[block + i], rest.block[i], x.remainder_sums, block + i);
      }
    }
    return sum;
  }
  [[gnu::noinline]] static __m256 add_four_with_remainder(__m256 sum, const RowTile& tile, const Token& x,
                                                          std::size_t block) {
    return add_four<true>(sum, tile, x, block);
  }
  static bool has_remainder(const float* remainder_d) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(remainder_d));
    return _mm_testz_si128(bits, bits) == 0;
  }

  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    __m256 sum = _mm256_setzero_ps();
    const std::size_t block_count = width / kValues;
    std::size_t block = 0;
    for (; block + kBlocks <= block_count; block += kBlocks) {
      if (has_remainder(x.remainder_d + block)) {
        sum = add_four_with_remainder(sum, tile, x, block);
      } else {
        sum = add_four<false>(sum, tile, x, block);
      }
    }
    store_outputs(tile, Pairs::add_blocks(sum, tile, x, block, block_count), out);
  }
};

}  // namespace
}  // namespace assay::kernels
