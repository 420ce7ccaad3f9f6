// Products of types with blocks of 256 values, unpacked by generic/super_block_formats.h and grid_formats.h.
//
// Each sum over 16 values is an int; it loses the bias and is multiplied with its sub-scale:
//   H = sum over groups of s * (sum u * hi - b * sum hi), L and the remainders alike.
// u is a signed byte as well, or wide (b = 128): then hi and the remainders are multiplied with q itself.
// Nothing overflows: a group's sum is at most 16 * 255 * 255, and the whole less than 2^28 (generic/super_block.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/neon/product.h"

namespace assay::kernels {
namespace {

template <typename BlockFormat>
struct SuperBlocks {
  using Format = BlockFormat;
  static constexpr std::size_t kValues = 256;
  static constexpr std::size_t kBytes = Format::kBytes;
  static constexpr bool kHasMin = Format::kHasMin;
  static constexpr bool kIsBiased = Format::kBias != 0;
  static constexpr bool kIsWide = Format::kBias == 128;

  /// b * the sums of 16 of each plane.
  struct Start {
    int32x4_t high[4], low[4];
  };
  static Start start(const Token& x, std::size_t block) {
    Start start = {};
    if constexpr (kIsBiased) {
      for (std::size_t i = 0; i < 4; ++i) {
        const int32x4_t hi = plane_sums(x.hi + kValues * block + 64 * i);
        const int32x4_t x_sums = vld1q_s32(x.sums + kValues / 16 * block + 4 * i);
        if constexpr (!kIsWide) start.high[i] = vmulq_n_s32(hi, Format::kBias);
        start.low[i] = vmulq_n_s32(vmlsq_n_s32(x_sums, hi, 256), Format::kBias);
      }
    }
    return start;
  }
  /// Of 16 values each.
  static int32x4_t plane_sums(const std::int8_t* plane) {
    int32x4_t sums[4];
    for (std::size_t i = 0; i < 4; ++i) sums[i] = vdotq_s32(vdupq_n_s32(0), vdupq_n_s8(1), vld1q_s8(plane + 16 * i));
    return four_totals(sums);
  }
  static Start remainder_start(const Token& x, std::size_t block) {
    Start start = {};
    if constexpr (kIsBiased && !kIsWide) {
      for (std::size_t i = 0; i < 4; ++i)
        start.high[i] = vmulq_n_s32(vld1q_s32(x.remainder_sums + kValues / 16 * block + 4 * i), Format::kBias);
    }
    return start;
  }

  struct Weights {
    Int quants[4];
    Int scales, mins;
  };
  static Weights unpack(const Byte* block) {
    Weights weights;
    weights.quants[0] = Format::template quants<0>(block);
    weights.quants[1] = Format::template quants<1>(block);
    weights.quants[2] = Format::template quants<2>(block);
    weights.quants[3] = Format::template quants<3>(block);
    weights.scales = widen_signed_to_ints(Format::scales(block));
    if constexpr (kHasMin) weights.mins = widen_signed_to_ints(Format::mins(block));
    return weights;
  }
  static int32x4_t dot_sixteen(int32x4_t sum, uint8x16_t quants, const std::int8_t* plane) {
    return dot(sum, kIsWide ? veorq_u8(quants, vdupq_n_u8(128)) : quants, vld1q_s8(plane));
  }
  static int32x4_t dot_sixteen(int32x4_t sum, uint8x16_t quants, const std::uint8_t* plane) {
    return dot(sum, quants, vld1q_u8(plane));
  }
  /// Of a quarter.
  template <typename Plane>
  static int32x4_t sums_of_sixteen(const Int& quants, const Plane* plane) {
    int32x4_t sums[4];
    for (std::size_t i = 0; i < 4; ++i) sums[i] = dot_sixteen(vdupq_n_s32(0), quants.part[i], plane + 16 * i);
    return four_totals(sums);
  }
  /// Of a quarter in two groups of 32: two ints that add up to the first group's, two to the second's.
  template <typename Plane>
  static int32x4_t halves_of_groups(const Int& quants, const Plane* plane) {
    int32x4_t sums[2];
    for (std::size_t i = 0; i < 2; ++i) {
      sums[i] = dot_sixteen(vdupq_n_s32(0), quants.part[2 * i], plane + 32 * i);
      sums[i] = dot_sixteen(sums[i], quants.part[2 * i + 1], plane + 32 * i + 16);
    }
    return vpaddq_s32(sums[0], sums[1]);
  }

  template <typename Plane>
  static int32x4_t scaled_sum(const Weights& weights, const Plane* plane, const int32x4_t* bias) {
    int32x4_t sum = vdupq_n_s32(0);
    for (std::size_t i = 0; i < 4; ++i) {
      int32x4_t sums;
      // A bias is taken from sums of 16.
      if constexpr (Format::kGroupValues == 32 && !kIsBiased) {
        sums = halves_of_groups(weights.quants[i], plane + 64 * i);
      } else {
        sums = sums_of_sixteen(weights.quants[i], plane + 64 * i);
      }
      if constexpr (kIsBiased) sums = vsubq_s32(sums, bias[i]);
      sum = vmlaq_s32(sum, sums, ints(weights.scales.part[i]));
    }
    return sum;
  }
  static int32x4_t min_sum(const Weights& weights, const std::int32_t* sums) {
    int32x4_t sum = vdupq_n_s32(0);
    for (std::size_t i = 0; i < 4; ++i) sum = vmlaq_s32(sum, ints(weights.mins.part[i]), vld1q_s32(sums + 4 * i));
    return sum;
  }

  /// Of eight outputs, before their lanes are added.
  struct Sums {
    int32x4_t high[kTile], low[kTile], min[kTile];
  };
  static void multiply(const Weights& weights, const Token& x, std::size_t block, const Start& start, std::size_t i,
                       Sums& sums) {
    sums.high[i] = scaled_sum(weights, x.hi + kValues * block, start.high);
    sums.low[i] = scaled_sum(weights, x.lo + kValues * block, start.low);
    if constexpr (kHasMin) sums.min[i] = min_sum(weights, x.sums + kValues / 16 * block);
  }
  static void multiply_remainder(const Weights& weights, const Token& x, std::size_t block, const Start& start,
                                 std::size_t i, Sums& sums) {
    sums.high[i] = scaled_sum(weights, x.remainder + kValues * block, start.high);
    if constexpr (kHasMin) sums.min[i] = min_sum(weights, x.remainder_sums + kValues / 16 * block);
  }

  /// I = fma(256, float(H), float(L)).
  static EightFloats joined(const Sums& sums) {
    const EightFloats high = floats_of_ints(totals(sums.high));
    const EightFloats low = floats_of_ints(totals(sums.low));
    return {vfmaq_n_f32(low.low, high.low, 256.0F), vfmaq_n_f32(low.high, high.high, 256.0F)};
  }
  static EightFloats joined_remainders(const Sums& sums) { return floats_of_ints(totals(sums.high)); }
  static EightInts mins(const Sums& sums) {
    if constexpr (!kHasMin) return no_ints();
    return totals(sums.min);
  }
};

template <typename Format>
using SuperBlockProduct = BlockProduct<SuperBlocks<Format>>;

}  // namespace
}  // namespace assay::kernels
