// Panels of types with blocks of 32 values: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, MXFP4.
//
// Two blocks at a time. A vector holds two neighbouring values of each of sixteen rows as words, without the bias, and
// is multiplied with two words x = 256 * hi + lo of a token.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/panel.h"

namespace assay::kernels {
namespace {

template <typename Format>
class SmallBlockPanel {
  /// x of two blocks: values 0-15 of both, then values 16-31 of both.
  struct Words {
    alignas(64) std::int16_t low[32];
    alignas(64) std::int16_t high[32];
  };

 public:
  static constexpr std::size_t kValues = 32;
  static constexpr std::size_t kBlocks = 2;
  static constexpr std::size_t kTokensAtOnce = kPanelTokens;

  /// A single block, the last of an odd number, stands for both.
  void unpack(const PanelRows& rows, std::size_t block, std::size_t blocks) {
    const std::size_t offset = block * Format::kBytes;
    const std::size_t next = offset + (blocks - 1) * Format::kBytes;
    Int low[kPanelRows];
    Int high[kPanelRows];
    for (std::size_t i = 0; i < kPanelRows; ++i) {
      const WordPair quants = Format::quants(rows.row[i] + offset, rows.row[i] + next);
      low[i] = quants.low;
      high[i] = quants.high;
      if constexpr (Format::kBias != 0) {
        low[i] = subtract_words(low[i], all_words(Format::kBias));
        high[i] = subtract_words(high[i], all_words(Format::kBias));
      }
    }
    transpose_ints(low, low_);
    transpose_ints(high, high_);
    scales_[0] = panel_scales<Format>(rows, offset);
    scales_[1] = panel_scales<Format>(rows, next);
  }

  template <std::size_t kTokens>
  struct Packed {
    Token tokens[kTokens];
    Words words[kTokens];
    float d[kBlocks][kTokens], min[kBlocks][kTokens];
    bool has_remainder[kBlocks];
  };
  template <std::size_t kTokens>
  static Packed<kTokens> pack(const Activations& x, std::size_t first_token, std::size_t block, std::size_t blocks) {
    Packed<kTokens> packed;
    for (bool& has_remainder : packed.has_remainder) has_remainder = false;
    for (std::size_t t = 0; t < kTokens; ++t) {
      const Token& token = packed.tokens[t] = token_of(x, first_token + t);
      prefetch_token<kBlocks * kValues>(x, first_token + t, block * kValues, kTokens);
      packed.words[t] = join(token, block, blocks);
      for (std::size_t i = 0; i < blocks; ++i) {
        packed.d[i][t] = token.d[block + i];
        packed.min[i][t] = min_term(token.sums + 2 * (block + i));
        packed.has_remainder[i] = packed.has_remainder[i] || token.remainder_d[block + i] != 0;
      }
    }
    return packed;
  }

  template <std::size_t kTokens>
  static void add(const SmallBlockPanel* panels, const Packed<kTokens>& x, std::size_t block, std::size_t blocks,
                  Float* sums) {
    for (std::size_t i = 0; i < blocks; ++i) {
      Int integers[kPanelsAtOnce][kTokens];
      for (auto& of_panel : integers)
        for (Int& sum : of_panel) sum = zero();
#pragma GCC unroll 8
      for (std::size_t j = 0; j < kHalfVectors; ++j) {
        const std::size_t v = i * kHalfVectors + j;
        for (std::size_t t = 0; t < kTokens; ++t) {
          const Int words = same_ints(x.words[t].low + 2 * v);
          for (std::size_t p = 0; p < kPanelsAtOnce; ++p)
            integers[p][t] = dot_words(integers[p][t], panels[p].low_[v], words);
        }
        for (std::size_t t = 0; t < kTokens; ++t) {
          const Int words = same_ints(x.words[t].high + 2 * v);
          for (std::size_t p = 0; p < kPanelsAtOnce; ++p)
            integers[p][t] = dot_words(integers[p][t], panels[p].high_[v], words);
        }
      }
      for (std::size_t p = 0; p < kPanelsAtOnce; ++p) {
        for (std::size_t t = 0; t < kTokens; ++t) {
          Float& sum = sums[p * kMostPanelTokens + t];
          sum = panels[p].step(sum, i, x.d[i][t], integers[p][t], x.min[i][t]);
        }
      }
      if (x.has_remainder[i]) add_remainders(panels, x, block, i, sums);
    }
  }

 private:
  static constexpr std::size_t kHalfVectors = 8;  // of half a block

  static Words join(const Token& x, std::size_t block, std::size_t blocks) {
    const std::int8_t* hi = x.hi + block * kValues;
    const std::uint8_t* lo = x.lo + block * kValues;
    Int low;
    Int high;
    if (blocks == 2) {
      join_planes(load(hi), load(lo), low, high);
    } else {
      join_planes(load_twice(hi), load_twice(lo), low, high);
    }
    Words words;
    store(low, words.low);
    store(high, words.high);
    return words;
  }

  /// M = sum of -1 * x.
  static float min_term(const std::int32_t* sums) {
    return Format::kHasMin ? static_cast<float>(-(sums[0] + sums[1])) : 0;
  }

  Float step(Float sum, std::size_t i, float d, Int integers, float min) const {
    return panel_step<Format::kHasMin>(sum, scales_[i], d, to_floats(integers), all_floats(min));
  }

  template <std::size_t kTokens>
  [[gnu::noinline]] static void add_remainders(const SmallBlockPanel* panels, const Packed<kTokens>& x,
                                               std::size_t block, std::size_t i, Float* sums) {
    for (std::size_t t = 0; t < kTokens; ++t) {
      const Token& token = x.tokens[t];
      if (token.remainder_d[block + i] == 0) continue;
      for (std::size_t p = 0; p < kPanelsAtOnce; ++p) {
        Float& sum = sums[p * kMostPanelTokens + t];
        sum = panels[p].add_remainder(token, block + i, i, sum);
      }
    }
  }
  Float add_remainder(const Token& x, std::size_t block, std::size_t i, Float sum) const {
    const std::int8_t* remainder = x.remainder + block * kValues;
    alignas(64) std::int16_t words[kValues];
    store(widen_signed(remainder, remainder + 16), words);
    Int integers = zero();
    for (std::size_t v = 0; v < kHalfVectors; ++v) {
      integers = dot_words(integers, low_[i * kHalfVectors + v], same_ints(words + 2 * v));
      integers = dot_words(integers, high_[i * kHalfVectors + v], same_ints(words + 16 + 2 * v));
    }
    return step(sum, i, x.remainder_d[block], integers, min_term(x.remainder_sums + 2 * block));
  }

  Int low_[2 * kHalfVectors], high_[2 * kHalfVectors];  ///< the first block, then the second
  PanelScales scales_[2];
};

}  // namespace
}  // namespace assay::kernels
