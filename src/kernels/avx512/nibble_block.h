// Products of one token with blocks of 32 values that are nibbles, four blocks at a time, a lane of 16 bytes each;
// generic/small_block.h has the other ones.
//
// vpdpbusd multiplies the quants, without their bias, with the planes: H of a block in four ints of its lane, and after
// a shift, which makes it 256 * H, L on top of it. What the bias takes away is the same for all rows: b * the sum of x.
// Exact: 32 * 31 * 32767 < 2^25.
//
// Included after avx512/vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/generic/small_block.h"

namespace assay::kernels {
namespace {

template <typename Format>
requires(Format::kEndsInNibbles) struct SmallBlockProduct<Format> {
  using Pairs = SmallBlockPairs<Format>;
  static constexpr std::size_t kValues = 32;
  static constexpr std::size_t kBlocks = 4;

  /// Values 0-15 of four blocks, and 16-31.
  struct Halves {
    Int low, high;
  };
  static Halves halves(const void* plane) {
    const Int a = load(plane);
    const Int b = load(static_cast<const Byte*>(plane) + 64);
    return {_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xDD)};
  }
  /// Three blocks' nibbles begin within 64 bytes of the first, and end there.
  static Halves quants(const Byte* blocks) {
    const Byte* nibbles = blocks + Format::kBytes - 16;
    const Int three = _mm512_permutexvar_epi8(nibble_order(), load(nibbles));
    const Int packed = _mm512_mask_broadcast_i32x4(three, 0xF000, load_lane(nibbles + 3 * Format::kBytes));
    return {bit_and(packed, all_bytes(15)), bit_and(shift_words_right<4>(packed), all_bytes(15))};
  }
  static Int nibble_order() {
    const auto lane = [](int i) {
      return _mm_add_epi8(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                          _mm_set1_epi8(static_cast<char>(i * static_cast<int>(Format::kBytes))));
    };
    return join_lanes(lane(0), lane(1), lane(2), lane(0));
  }

  /// Of four blocks of eight rows.
  struct Scales {
    WeightScales block[kBlocks];
  };
  static Scales scales(const RowTile& tile, std::size_t offset) {
    Scales scales;
    if constexpr (Format::kHasMin) {
      for (std::size_t i = 0; i < kBlocks; ++i)
        scales.block[i] = weight_scales<Format>(tile.row, offset + i * Format::kBytes);
    } else {
      // All four of a row stand within 64 bytes. Word i of lane b: block b of row i.
      const auto number = [](int block) { return _mm_set1_epi16(static_cast<short>(block * Format::kBytes / 2)); };
      const Int order = join_lanes(number(0), number(1), number(2), number(3));
      Int halves = zero();
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kTile; ++i)
        halves = _mm512_mask_permutexvar_epi16(halves, 0x01010101U << i, order, load(tile.row[i] + offset));
      const auto d = [](Lane block) { return WeightScales{_mm256_cvtph_ps(block), _mm256_setzero_ps()}; };
      scales = {d(lane<0>(halves)), d(lane<1>(halves)), d(lane<2>(halves)), d(lane<3>(halves))};
    }
    return scales;
  }

  /// Sums of quant * x of eight rows, without the bias.
  struct Integers {
    Int8 block[kBlocks];
  };
  static Integers integers(const RowTile& tile, std::size_t offset, const Token& x, std::size_t first) {
    const Halves hi = halves(x.hi + first);
    const Halves lo = halves(x.lo + first);
    Int products[kTile];
    for (std::size_t i = 0; i < kTile; ++i) {
      const Halves weights = quants(tile.row[i] + offset);
      const Int high = dot_bytes(dot_bytes(zero(), weights.low, hi.low), weights.high, hi.high);
      products[i] = dot_bytes(dot_bytes(shift_ints_left<8>(high), lo.low, weights.low), lo.high, weights.high);
    }
    Integers integers;
    lane_totals(products, integers.block);
    return integers;
  }
  static Integers remainder_integers(const RowTile& tile, std::size_t offset, const Token& x, std::size_t first) {
    const Halves remainder = halves(x.remainder + first);
    Int products[kTile];
    for (std::size_t i = 0; i < kTile; ++i) {
      const Halves weights = quants(tile.row[i] + offset);
      products[i] = dot_bytes(dot_bytes(zero(), weights.low, remainder.low), weights.high, remainder.high);
    }
    Integers integers;
    lane_totals(products, integers.block);
    return integers;
  }

  /// The float operations of one block and one plane, or two.
  static __m256 step(__m256 sum, const WeightScales& weight, float d, Int8 integers, const std::int32_t* sums,
                     std::size_t block) {
    const std::int32_t min_term = Pairs::min_term(sums, block);
    if constexpr (Format::kBias != 0)
      integers = _mm256_add_epi32(integers, _mm256_set1_epi32(Format::kBias * min_term));
    return float_step<Format::kHasMin>(sum, weight, _mm256_set1_ps(d), _mm256_cvtepi32_ps(integers),
                                       _mm256_set1_epi32(min_term));
  }

  /// Four blocks from `block` on.
  static __m256 add_four(__m256 sum, const RowTile& tile, const Token& x, std::size_t block) {
    const std::size_t offset = block * Format::kBytes;
    for (std::size_t i = 0; i < kTile; ++i) prefetch_stream<1>(tile.row[i] + offset);
    const Integers sums = integers(tile, offset, x, block * kValues);
    bool has_remainder = false;
    for (std::size_t i = 0; i < kBlocks; ++i) has_remainder |= x.remainder_d[block + i] != 0;
    Integers remainders = {};
    if (has_remainder) remainders = remainder_integers(tile, offset, x, block * kValues);
    const Scales weights = scales(tile, offset);
    for (std::size_t i = 0; i < kBlocks; ++i) {
      sum = step(sum, weights.block[i], x.d[block + i], sums.block[i], x.sums, block + i);
      if (x.remainder_d[block + i] != 0)
        sum = step(sum, weights.block[i], x.remainder_d[block + i], remainders.block[i], x.remainder_sums, block + i);
    }
    return sum;
  }

  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    __m256 sum = _mm256_setzero_ps();
    const std::size_t block_count = width / kValues;
    std::size_t block = 0;
    for (; block + kBlocks <= block_count; block += kBlocks) sum = add_four(sum, tile, x, block);
    store_outputs(tile, Pairs::add_blocks(sum, tile, x, block, block_count), out);
  }
};

}  // namespace
}  // namespace assay::kernels
