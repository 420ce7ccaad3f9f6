// Products of types with blocks of 32 values: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1, IQ4_NL, MXFP4.
//
// Here the activations are joined to 16-bit words again, x = 256 * hi + lo, and multiplied with the quants as words,
// two blocks at a time: the first block fills the lower half of every vector, the second the upper half. A bias b of
// the quants is removed by starting the sum at -b * sum x. The integer of a block is exact: |quant| <= 128, so that a
// sum of 32 products and the start stay below 32 * (128 + 16) * 32767 < 2^28.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>

#include <immintrin.h>

#include "kernels/generic/float_step.h"
#include "kernels/generic/product_driver.h"

namespace assay::kernels {
namespace {

/// 64 words of two blocks: values 0-15 of both, then values 16-31 of both.
struct WordPair {
  Int low, high;
};

/// The activations of two blocks, and the start of their sums.
struct SmallBlocks {
  WordPair x;
  Int start;
};

struct Q40 {
  static constexpr std::size_t kBytes = 18;
  static constexpr int kBias = 8;
  static constexpr bool kHasMin = false;
  static WordPair quants(const Byte* a, const Byte* b) { return nibbles(widen_unsigned(a + 2, b + 2)); }
  static WordPair nibbles(Int words) { return {bit_and(words, all_words(15)), shift_words_right<4>(words)}; }
};

struct Q41 {
  static constexpr std::size_t kBytes = 20;
  static constexpr int kBias = 0;
  static constexpr bool kHasMin = true;
  static WordPair quants(const Byte* a, const Byte* b) { return Q40::nibbles(widen_unsigned(a + 4, b + 4)); }
};

/// The fifth bits of Q5_0 and Q5_1: bit i of a double word is value i's.
inline WordPair with_fifth_bits(WordPair nibbles, const Byte* a, const Byte* b) {
  const std::uint32_t first = load_double_word(a);
  const std::uint32_t second = load_double_word(b);
  return {bit_or(nibbles.low, words_where(first, second, 16)),
          bit_or(nibbles.high, words_where(first >> 16, second >> 16, 16))};
}

struct Q50 {
  static constexpr std::size_t kBytes = 22;
  static constexpr int kBias = 16;
  static constexpr bool kHasMin = false;
  static WordPair quants(const Byte* a, const Byte* b) {
    return with_fifth_bits(Q40::nibbles(widen_unsigned(a + 6, b + 6)), a + 2, b + 2);
  }
};

struct Q51 {
  static constexpr std::size_t kBytes = 24;
  static constexpr int kBias = 0;
  static constexpr bool kHasMin = true;
  static WordPair quants(const Byte* a, const Byte* b) {
    return with_fifth_bits(Q40::nibbles(widen_unsigned(a + 8, b + 8)), a + 4, b + 4);
  }
};

struct Q80 {
  static constexpr std::size_t kBytes = 34;
  static constexpr int kBias = 0;
  static constexpr bool kHasMin = false;
  static WordPair quants(const Byte* a, const Byte* b) { return bytes(a + 2, b + 2); }
  static WordPair bytes(const Byte* a, const Byte* b) { return {widen_signed(a, b), widen_signed(a + 16, b + 16)}; }
};

struct Q81 {
  static constexpr std::size_t kBytes = 36;
  static constexpr int kBias = 0;
  static constexpr bool kHasMin = false;
  static WordPair quants(const Byte* a, const Byte* b) { return Q80::bytes(a + 4, b + 4); }
};

/// Nibbles are indices of a codebook of sixteen bytes.
struct Iq4Nl {
  static constexpr std::size_t kBytes = 18;
  static constexpr int kBias = 0;
  static constexpr bool kHasMin = false;
  static WordPair quants(const Byte* a, const Byte* b) { return look_up(a + 2, b + 2, codebook()); }
  static Lane codebook() {
    return _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
  }
  static WordPair look_up(const Byte* a, const Byte* b, Lane codebook) {
    const __m256i packed = load_lanes(a, b);
    const __m256i both = _mm256_broadcastsi128_si256(codebook);
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i low = _mm256_and_si256(packed, nibble);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(packed, 4), nibble);
    return {widen_signed(_mm256_shuffle_epi8(both, low)), widen_signed(_mm256_shuffle_epi8(both, high))};
  }
};

struct Mxfp4 {
  static constexpr std::size_t kBytes = 17;
  static constexpr int kBias = 0;
  static constexpr bool kHasMin = false;
  static WordPair quants(const Byte* a, const Byte* b) { return Iq4Nl::look_up(a + 1, b + 1, codebook()); }
  static Lane codebook() { return _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12); }
  static float scale(const Byte* block) { return power_of_two(block[0]); }
};

/// Eight rows and one token, two blocks at a time.
template <typename Format>
struct SmallBlockPairs {
  static constexpr std::size_t kValues = 32;

  /// `is_pair` is false for the last block of an odd number, which then stands in both halves.
  static SmallBlocks prepare(const Token& x, std::size_t block, bool is_pair) {
    SmallBlocks blocks;
    const std::int8_t* hi = x.hi + block * kValues;
    const std::uint8_t* lo = x.lo + block * kValues;
    if (is_pair) {
      join_planes(load(hi), load(lo), blocks.x.low, blocks.x.high);
    } else {
      join_planes(load_twice(hi), load_twice(lo), blocks.x.low, blocks.x.high);
    }
    return with_start(blocks);
  }

  /// Of the remainders.
  static SmallBlocks prepare_remainder(const Token& x, std::size_t block, bool is_pair) {
    const std::int8_t* a = x.remainder + block * kValues;
    const std::int8_t* b = is_pair ? a + kValues : a;
    SmallBlocks blocks;
    blocks.x = {widen_signed(a, b), widen_signed(a + 16, b + 16)};
    return with_start(blocks);
  }
  static SmallBlocks with_start(SmallBlocks blocks) {
    blocks.start = zero();
    if constexpr (Format::kBias != 0)
      blocks.start = dot({all_words(-Format::kBias), all_words(-Format::kBias)}, blocks);
    return blocks;
  }

  static Int dot(const WordPair& quants, const SmallBlocks& blocks) {
    return dot_words(dot_words(blocks.start, quants.low, blocks.x.low), quants.high, blocks.x.high);
  }

  /// M = sum of -1 * x.
  static std::int32_t min_term(const std::int32_t* sums, std::size_t block) {
    return -(sums[2 * block] + sums[2 * block + 1]);
  }

  /// The integers of two blocks, each for eight rows.
  struct Integers {
    Int8 block[2];
  };

  /// Blocks `block` to `block_count` - 1.
  static __m256 add_blocks(__m256 sum, const RowTile& tile, const Token& x, std::size_t block,
                           std::size_t block_count) {
    for (; block < block_count; block += 2) {
      const bool is_pair = block + 1 < block_count;
      const std::size_t offset = block * Format::kBytes;
      const std::size_t next = is_pair ? offset + Format::kBytes : offset;
      for (std::size_t i = 0; i < kTile; ++i) prefetch_stream<1>(tile.row[i] + offset);
      const Integers integers = row_integers(tile, offset, next, prepare(x, block, is_pair));
      Integers remainders = {};
      if (x.remainder_d[block] != 0 || (is_pair && x.remainder_d[block + 1] != 0))
        remainders = row_integers(tile, offset, next, prepare_remainder(x, block, is_pair));
      sum = row_step(sum, tile, offset, x, block, integers.block[0], remainders.block[0]);
      if (is_pair) sum = row_step(sum, tile, next, x, block + 1, integers.block[1], remainders.block[1]);
    }
    return sum;
  }
  static Integers row_integers(const RowTile& tile, std::size_t offset, std::size_t next, const SmallBlocks& blocks) {
    Int products[kTile];
    for (std::size_t i = 0; i < kTile; ++i)
      products[i] = dot(Format::quants(tile.row[i] + offset, tile.row[i] + next), blocks);
    Integers integers;
    half_totals(products, integers.block[0], integers.block[1]);
    return integers;
  }
  static __m256 row_step(__m256 sum, const RowTile& tile, std::size_t offset, const Token& x, std::size_t block,
                         Int8 integers, Int8 remainders) {
    const WeightScales weight = weight_scales<Format>(tile.row, offset);
    sum = float_step<Format::kHasMin>(sum, weight, _mm256_set1_ps(x.d[block]), _mm256_cvtepi32_ps(integers),
                                      _mm256_set1_epi32(min_term(x.sums, block)));
    if (x.remainder_d[block] == 0) return sum;
    return float_step<Format::kHasMin>(sum, weight, _mm256_set1_ps(x.remainder_d[block]),
                                       _mm256_cvtepi32_ps(remainders),
                                       _mm256_set1_epi32(min_term(x.remainder_sums, block)));
  }
};

template <typename Format>
struct SmallBlockProduct {
  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    const std::size_t block_count = width / SmallBlockPairs<Format>::kValues;
    store_outputs(tile, SmallBlockPairs<Format>::add_blocks(_mm256_setzero_ps(), tile, x, 0, block_count), out);
  }
};

}  // namespace
}  // namespace assay::kernels
