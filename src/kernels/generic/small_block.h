// Products of types with blocks of 32 values: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0.
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
  static WordPair quants(const Byte* a, const Byte* b) {
    return {widen_signed(a + 2, b + 2), widen_signed(a + 18, b + 18)};
  }
};

template <typename Format>
struct SmallBlockProduct {
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
    blocks.start = zero();
    if constexpr (Format::kBias != 0)
      blocks.start = dot({all_words(-Format::kBias), all_words(-Format::kBias)}, blocks);
    return blocks;
  }

  static Int dot(const WordPair& quants, const SmallBlocks& blocks) {
    return dot_words(dot_words(blocks.start, quants.low, blocks.x.low), quants.high, blocks.x.high);
  }

  /// M = sum of -1 * x.
  static std::int32_t min_term(const Token& x, std::size_t block) {
    return -(x.sums[2 * block] + x.sums[2 * block + 1]);
  }

  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    __m256 sum = _mm256_setzero_ps();
    const std::size_t block_count = width / kValues;
    for (std::size_t block = 0; block < block_count; block += 2) {
      const bool is_pair = block + 1 < block_count;
      const std::size_t offset = block * Format::kBytes;
      const std::size_t next = is_pair ? offset + Format::kBytes : offset;
      const SmallBlocks blocks = prepare(x, block, is_pair);
      Int products[kTile];
      for (std::size_t i = 0; i < kTile; ++i) {
        const Byte* weights = tile.row[i];
        _mm_prefetch(reinterpret_cast<const char*>(weights + tile.bytes_ahead + offset), _MM_HINT_T0);
        products[i] = dot(Format::quants(weights + offset, weights + next), blocks);
      }
      Int8 first;
      Int8 second;
      half_totals(products, first, second);
      sum = step(sum, tile, offset, x, block, first);
      if (is_pair) sum = step(sum, tile, next, x, block + 1, second);
    }
    store_outputs(sum, tile.count, out, 1);
  }
  static __m256 step(__m256 sum, const RowTile& tile, std::size_t offset, const Token& x, std::size_t block,
                     Int8 integers) {
    return float_step<Format::kHasMin>(sum, weight_scales<Format::kHasMin>(tile.row, offset),
                                       _mm256_set1_ps(x.d[block]), _mm256_cvtepi32_ps(integers),
                                       _mm256_set1_epi32(min_term(x, block)));
  }

  /// `count` rows (at most kRowsOfTokenTile), eight tokens.
  static void tokens(const Byte* rows, std::size_t row_bytes, std::size_t count, const TokenTile& tile,
                     std::size_t width, float* out, std::size_t out_stride) {
    __m256 sums[kRowsOfTokenTile];
    for (__m256& sum : sums) sum = _mm256_setzero_ps();
    const std::size_t block_count = width / kValues;
    for (std::size_t block = 0; block < block_count; block += 2) {
      const bool is_pair = block + 1 < block_count;
      const std::size_t second_block = is_pair ? block + 1 : block;
      SmallBlocks blocks[kTile];
      for (std::size_t i = 0; i < kTile; ++i) blocks[i] = prepare(tile.token[i], block, is_pair);
      const __m256 d[] = {activation_scales(tile.token, block), activation_scales(tile.token, second_block)};
      const Int8 min[] = {min_terms(tile.token, block), min_terms(tile.token, second_block)};
      for (std::size_t row = 0; row < count; ++row) {
        const Byte* a = rows + row * row_bytes + block * Format::kBytes;
        const Byte* b = rows + row * row_bytes + second_block * Format::kBytes;
        const WordPair quants = Format::quants(a, b);
        Int products[kTile];
        for (std::size_t i = 0; i < kTile; ++i) products[i] = dot(quants, blocks[i]);
        Int8 first;
        Int8 second;
        half_totals(products, first, second);
        __m256& sum = sums[row];
        sum = float_step<Format::kHasMin>(sum, same_weight_scales<Format::kHasMin>(a), d[0], _mm256_cvtepi32_ps(first),
                                          min[0]);
        if (is_pair) {
          sum = float_step<Format::kHasMin>(sum, same_weight_scales<Format::kHasMin>(b), d[1],
                                            _mm256_cvtepi32_ps(second), min[1]);
        }
      }
    }
    for (std::size_t row = 0; row < count; ++row) store_outputs(sums[row], tile.count, out + row, out_stride);
  }
  static Int8 min_terms(const Token* x, std::size_t block) {
    if constexpr (!Format::kHasMin) return _mm256_setzero_si256();
    return _mm256_setr_epi32(min_term(x[0], block), min_term(x[1], block), min_term(x[2], block), min_term(x[3], block),
                             min_term(x[4], block), min_term(x[5], block), min_term(x[6], block),
                             min_term(x[7], block));
  }
};

}  // namespace
}  // namespace assay::kernels
