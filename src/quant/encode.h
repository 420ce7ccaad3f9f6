// What the encoders of the types share. An encoder finds the integers of a block (BlockIntegers) and the type's file
// puts them together as bytes. Without an importance the reference has a simple rule for blocks of 32 values; with one,
// and for super-blocks always, it searches (search.h). Only files of this room include it.
#pragma once

#include <algorithm>
#include <cstddef>

#include "quant/block.h"
#include "quant/search.h"

namespace assay::quant {

using PutTogether = void (*)(const BlockIntegers& integers, std::byte* block);

/// Towards zero; 0 for a value that is no number or has no place in 32 bits.
inline int truncate(float value) {
  const float finite = absolute(value) < 0x1p31F ? value : 0.0F;
  return static_cast<int>(finite);
}

/// Adding this with the value's sign and cutting off rounds to nearest, ties away from zero.
inline constexpr float kBelowHalf = 0x1.fffffep-2F;

/// 1 / d, 0 for 0.
inline float inverse_of(float d) { return d != 0.0F ? 1.0F / d : 0.0F; }

struct Range {
  float low, high;
};

/// Smallest and largest of 32 values; a zero has any sign.
inline Range range_of(const float* x) {
  static_assert(kLanes == 4);
  Lanes low = {x[0], x[1], x[2], x[3]};
  Lanes high = low;
  for (int i = kLanes; i < 32; i += kLanes) {
    const Lanes here = {x[i], x[i + 1], x[i + 2], x[i + 3]};
    low = select(here < low, here, low);
    high = select(here > high, here, high);
  }
  return {std::min(std::min(low[0], low[1]), std::min(low[2], low[3])),
          std::max(std::max(high[0], high[1]), std::max(high[2], high[3]))};
}

/// Quants -half .. half - 1, d such that the extreme value is -half * d.
inline void encode_signed_simply(const float* x, int half, BlockIntegers& integers) {
  const auto [low, high] = range_of(x);
  float extreme = -low > high ? low : high;
  if (-low == high) {  // the sign is that of the first
    float magnitude;
    extreme = find_extreme<32>(x, magnitude);
  }
  const float d = extreme / static_cast<float>(-half);
  const float inverse = inverse_of(d);
  integers.d = d;
  for (int i = 0; i < 32; ++i) {
    const int quant = truncate(x[i] * inverse + (static_cast<float>(half) + 0.5F));
    integers.quant[i] = static_cast<std::int16_t>(std::min(2 * half - 1, quant) - half);
  }
}

/// Quants 0 .. most from the smallest value (0) to the largest (most).
inline void encode_affine_simply(const float* x, int most, BlockIntegers& integers) {
  auto [low, high] = range_of(x);
  if (low == 0.0F) low = *std::find(x, x + 31, 0.0F);  // the sign is that of the first
  const float d = (high - low) / static_cast<float>(most);
  const float inverse = inverse_of(d);
  integers.d = d;
  integers.dmin = low;
  for (int i = 0; i < 32; ++i) {
    integers.quant[i] = static_cast<std::int16_t>(std::min(most, truncate((x[i] - low) * inverse + 0.5F)));
  }
}

/// The next eight blocks of 32 values of a row, from value `first` on, and weights_of(at, weights) for the values `at`
/// to at + 31 of each. Where fewer are left, the last stands several times. -> how many there are.
template <typename WeightsOf>
std::size_t take_eight_blocks(const float* row, std::size_t width, std::size_t first, WeightsOf weights_of, float* x,
                              float* weights) {
  const std::size_t used = std::min<std::size_t>(8, (width - first) / 32);
  for (std::size_t i = 0; i < 8; ++i) {
    const std::size_t at = first + 32 * std::min(i, used - 1);
    std::copy_n(row + at, 32, x + 32 * i);
    weights_of(at, weights + 32 * i);
  }
  return used;
}

/// A row of blocks of 32 values with an importance; the row's mean square damps the weights.
void encode_signed_row(const float* row, std::size_t width, const float* importance, int half, PutTogether put,
                       std::size_t block_bytes, std::byte* blocks);
void encode_affine_row(const float* row, std::size_t width, const float* importance, int most, PutTogether put,
                       std::size_t block_bytes, std::byte* blocks);

float sum_of_squares(const float* x, std::size_t count);

/// weights = importance * sqrt(variance + x^2).
void importance_weights(const float* x, const float* importance, float variance, std::size_t count, float* weights);

/// How a super-block with scales and minimums (Q2_K, Q4_K, Q5_K) is searched.
struct AffineRule {
  int group_values;  ///< 16 or 32
  int most_quant;
  int most_scale;
  AffineSteps plain;  ///< without an importance
  float variance;     ///< with one: variance of importance_weights, in mean squares of the block
};
void encode_affine_block(const float* x, const float* importance, const AffineRule& rule, BlockIntegers& integers);

/// The value of largest magnitude among the 16 scales.
float extreme_scale(const float* scale);

/// Quants -half .. half - 1 for the scales as they were rounded; groups whose d * scale is 0 keep what they have.
void quantize_again(const float* x, int half, BlockIntegers& integers);

/// Type::encode of a super-block type.
template <auto encode_block, auto put_together, int block_bytes>
void encode_super_blocks(const float* row, std::size_t width, const float* importance, std::byte* blocks) {
  BlockIntegers integers;
  for (std::size_t first = 0; first < width; first += 256) {
    encode_block(row + first, importance != nullptr ? importance + first : nullptr, integers);
    put_together(integers, blocks + first / 256 * block_bytes);
  }
}

/// Type::encode of a type with 32 values a block and a search only with an importance.
template <auto encode_simply, auto encode_row, auto put_together, int levels, int block_bytes>
void encode_small_blocks(const float* row, std::size_t width, const float* importance, std::byte* blocks) {
  if (importance != nullptr) {
    encode_row(row, width, importance, levels, put_together, block_bytes, blocks);
    return;
  }
  BlockIntegers integers;
  for (std::size_t first = 0; first < width; first += 32) {
    encode_simply(row + first, levels, integers);
    put_together(integers, blocks + first / 32 * block_bytes);
  }
}

}  // namespace assay::quant
