// Products and panels of types with blocks of 64 values in groups of 16 (group_block_formats.h). For each group
//   I = 256 * (sum u * hi - b * sum hi) + sum lo * (u - b)
// by bytes; with u <= 24 and b = 12, nothing comes near the bounds of words or ints.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/generic/float_step.h"
#include "kernels/generic/group_block_formats.h"
#include "kernels/generic/product_driver.h"

namespace assay::kernels {
namespace {

/// -b * sum x of each four values.
template <typename Format>
inline Int group_block_start(Int plane) {
  return subtract_ints(zero(), dot_bytes(zero(), all_bytes(Format::kBias), plane));
}

template <typename Format>
struct GroupBlockProduct {
  static constexpr std::size_t kValues = 64;

  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    __m256 sum = _mm256_setzero_ps();
    for (std::size_t block = 0; block < width / kValues; ++block) {
      const std::size_t offset = block * Format::kBytes;
      const Int hi = load(x.hi + block * kValues);
      const Int lo = load(x.lo + block * kValues);
      const Int start = group_block_start<Format>(hi);
      Int products[kTile];
      for (std::size_t i = 0; i < kTile; ++i) {
        const Byte* bytes = tile.row[i] + offset;
        prefetch_stream<Format::kBytes>(bytes);
        const Int quants = Format::quants(bytes);
        products[i] = dot_bytes(shift_ints_left<8>(dot_bytes(start, quants, hi)), lo,
                                subtract_bytes(quants, all_bytes(Format::kBias)));
      }
      __m256 scales[4];
      read_scales(tile, offset, scales);
      sum = step(sum, scales, x.d[block], products);
      if (x.remainder_d[block] == 0) continue;
      const Int remainder = load(x.remainder + block * kValues);
      const Int remainder_start = group_block_start<Format>(remainder);
      for (std::size_t i = 0; i < kTile; ++i)
        products[i] = dot_bytes(remainder_start, Format::quants(tile.row[i] + offset), remainder);
      sum = step(sum, scales, x.remainder_d[block], products);
    }
    store_outputs(tile, sum, out);
  }

 private:
  /// Four bytes of each row, which become halves as Nvfp4::Group says.
  static void read_scales(const RowTile& tile, std::size_t offset, __m256* scales) {
    const auto four = [&](int i) { return static_cast<int>(load_double_word(tile.row[i] + offset)); };
    const __m256i bytes = _mm256_setr_epi32(four(0), four(1), four(2), four(3), four(4), four(5), four(6), four(7));
    const __m256i largest = _mm256_set1_epi8(0x7F);
    const __m256i fields = _mm256_andnot_si256(_mm256_cmpeq_epi8(bytes, largest), _mm256_and_si256(bytes, largest));
    const __m256i even = _mm256_slli_epi16(_mm256_and_si256(fields, _mm256_set1_epi16(0xFF)), 7);
    const __m256i odd = _mm256_slli_epi16(_mm256_srli_epi16(fields, 8), 7);
    const WeightScales first = scale_pairs(even);
    const WeightScales second = scale_pairs(odd);
    const __m256 factor = _mm256_set1_ps(scale_factor<typename Format::template Group<0>>());
    scales[0] = _mm256_mul_ps(first.d, factor);
    scales[1] = _mm256_mul_ps(second.d, factor);
    scales[2] = _mm256_mul_ps(first.dmin, factor);
    scales[3] = _mm256_mul_ps(second.dmin, factor);
  }
  static __m256 step(__m256 sum, const __m256* scales, float d, const Int* products) {
    Int8 integers[4];
    lane_totals(products, integers);
    for (std::size_t group = 0; group < 4; ++group)
      sum = float_step<false>(sum, {scales[group], _mm256_setzero_ps()}, _mm256_set1_ps(d),
                              _mm256_cvtepi32_ps(integers[group]), _mm256_setzero_si256());
    return sum;
  }
};

/// A vector holds four neighbouring values q of each of sixteen rows, signed bytes, and is multiplied with four bytes
/// of a token made unsigned by 128 more, for which each sum starts at -128 * sum q.
template <typename Format>
class GroupBlockPanel {
  static constexpr std::size_t kGroups = 4;
  static constexpr std::size_t kGroupVectors = 4;

 public:
  static constexpr std::size_t kValues = 64;
  static constexpr std::size_t kBlocks = 1;
  static constexpr std::size_t kTokensAtOnce = kPanelTokens;

  void unpack(const PanelRows& rows, std::size_t block, std::size_t /*blocks*/) {
    const std::size_t offset = block * Format::kBytes;
    Int by_row[kPanelRows];
    for (std::size_t i = 0; i < kPanelRows; ++i)
      by_row[i] = subtract_bytes(Format::quants(rows.row[i] + offset), all_bytes(Format::kBias));
    transpose_ints(by_row, quants_);
    for (std::size_t group = 0; group < kGroups; ++group)
      starts_[group] = subtract_ints(zero(), products(zero(), group, [](std::size_t) { return all_bytes(-128); }));
    scales_[0] = panel_scales<typename Format::template Group<0>>(rows, offset);
    scales_[1] = panel_scales<typename Format::template Group<1>>(rows, offset);
    scales_[2] = panel_scales<typename Format::template Group<2>>(rows, offset);
    scales_[3] = panel_scales<typename Format::template Group<3>>(rows, offset);
  }

  template <std::size_t kTokens>
  struct Packed {
    Token tokens[kTokens];
    alignas(64) Byte hi[kTokens][kValues];
  };
  template <std::size_t kTokens>
  static Packed<kTokens> pack(const Activations& x, std::size_t first_token, std::size_t block,
                              std::size_t /*blocks*/) {
    Packed<kTokens> packed;
    for (std::size_t t = 0; t < kTokens; ++t) {
      packed.tokens[t] = token_of(x, first_token + t);
      make_unsigned(packed.tokens[t].hi + block * kValues, packed.hi[t]);
    }
    return packed;
  }

  template <std::size_t kTokens>
  void add(const Packed<kTokens>& x, std::size_t block, std::size_t /*blocks*/, Float* sums) const {
    for (std::size_t t = 0; t < kTokens; ++t) {
      const Token& token = x.tokens[t];
      for (std::size_t group = 0; group < kGroups; ++group) {
        const Int high = products(starts_[group], group, [&](std::size_t v) { return same_ints(x.hi[t] + 4 * v); });
        const Int integers = products(shift_ints_left<8>(high), group,
                                      [&](std::size_t v) { return same_ints(token.lo + block * kValues + 4 * v); });
        sums[t] = step(sums[t], group, token.d[block], integers);
      }
      if (token.remainder_d[block] != 0) sums[t] = add_remainder(token, block, sums[t]);
    }
  }

 private:
  static void make_unsigned(const std::int8_t* plane, Byte* bytes) {
    store(bit_xor(load(plane), all_bytes(-128)), bytes);
  }

  /// sum + the products of a group; bytes_of(v) are four unsigned bytes of the token, everywhere.
  template <typename BytesOf>
  Int products(Int sum, std::size_t group, BytesOf bytes_of) const {
    for (std::size_t v = group * kGroupVectors; v < (group + 1) * kGroupVectors; ++v)
      sum = dot_bytes(sum, bytes_of(v), quants_[v]);
    return sum;
  }

  Float step(Float sum, std::size_t group, float d, Int integers) const {
    return panel_step<false>(sum, scales_[group], d, to_floats(integers), all_floats(0));
  }

  Float add_remainder(const Token& x, std::size_t block, Float sum) const {
    alignas(64) Byte remainder[kValues];
    make_unsigned(x.remainder + block * kValues, remainder);
    for (std::size_t group = 0; group < kGroups; ++group) {
      const auto bytes_of = [&](std::size_t v) { return same_ints(remainder + 4 * v); };
      sum = step(sum, group, x.remainder_d[block], products(starts_[group], group, bytes_of));
    }
    return sum;
  }

  Int quants_[kGroups * kGroupVectors];
  Int starts_[kGroups];
  PanelScales scales_[kGroups];
};

}  // namespace
}  // namespace assay::kernels
