// Matrix products by dot products of bytes (sdot, udot), eight rows of one token at once. Quants are unpacked as
// unsigned bytes u with a bias b, q = u - b: then a signed dot product serves the hi plane, an unsigned one the lo
// plane, and what b takes away is the same for all rows. Integers are exact, floats come in the order that kernels.h
// declares.
//
// A kind of blocks (super_block.h, small_block.h) says
//   Format, kValues, kBytes, kHasMin
//   Weights unpack(bytes)                     a block taken apart
//   Start start(x, block), remainder_start    what all rows share of a token's block
//   multiply(weights, x, block, start, i, sums), multiply_remainder     output i of eight
//   joined(sums), joined_remainders(sums)     I of kernels.h
//   mins(sums)                                M
#pragma once

#include <cstddef>
#include <cstdint>

#include <arm_neon.h>

#include "kernels/generic/block_scale.h"
#include "kernels/generic/product_driver.h"

namespace assay::kernels {
namespace {

struct EightFloats {
  float32x4_t low, high;
};
struct EightInts {
  int32x4_t low, high;
};

inline EightFloats all_eight(float value) { return {vdupq_n_f32(value), vdupq_n_f32(value)}; }
inline EightInts no_ints() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
inline EightFloats floats_of_ints(EightInts a) { return {vcvtq_f32_s32(a.low), vcvtq_f32_s32(a.high)}; }

// sum + products of bytes, four in each int.
inline int32x4_t dot(int32x4_t sum, uint8x16_t quants, int8x16_t plane) {
  return vdotq_s32(sum, vreinterpretq_s8_u8(quants), plane);
}
inline int32x4_t dot(int32x4_t sum, uint8x16_t quants, uint8x16_t plane) {
  return vreinterpretq_s32_u32(vdotq_u32(vreinterpretq_u32_s32(sum), quants, plane));
}

/// The sum of each of four vectors.
inline int32x4_t four_totals(const int32x4_t* v) { return vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3])); }
inline EightInts totals(const int32x4_t* v) { return {four_totals(v), four_totals(v + 4)}; }

/// d and dmin of eight blocks.
struct WeightScales {
  EightFloats d, dmin;
};
inline EightFloats floats_of_halves(uint16x8_t halves) {
  const float16x8_t values = vreinterpretq_f16_u16(halves);
  return {vcvt_f32_f16(vget_low_f16(values)), vcvt_high_f32_f16(values)};
}
/// Of the blocks at `offset` of each row.
template <typename Format>
inline WeightScales weight_scales(const Byte* const* rows, std::size_t offset) {
  if constexpr (!has_half_scale<Format>()) {
    const auto d = [&](std::size_t i) { return Format::scale(rows[i] + offset); };
    const EightFloats eight = {{d(0), d(1), d(2), d(3)}, {d(4), d(5), d(6), d(7)}};
    return {eight, all_eight(0)};
  } else {
    const auto eight = [&](std::uint16_t (*word)(const Byte*)) {
      const auto of = [&](std::size_t i) { return word(rows[i] + offset); };
      return floats_of_halves(uint16x8_t{of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7)});
    };
    WeightScales scales = {eight(half_scale<Format>), {}};
    constexpr float kFactor = scale_factor<Format>();
    scales.d = {vmulq_n_f32(scales.d.low, kFactor), vmulq_n_f32(scales.d.high, kFactor)};
    if constexpr (Format::kHasMin) scales.dmin = eight(half_min_scale<Format>);
    return scales;
  }
}
/// acc = fma(d_w * d_x, I, acc), then acc = fma(-(dmin_w * d_x), M, acc).
template <bool kHasMin>
inline EightFloats float_step(EightFloats sum, const WeightScales& weight, EightFloats d, EightFloats joined,
                              EightInts min) {
  sum.low = vfmaq_f32(sum.low, vmulq_f32(weight.d.low, d.low), joined.low);
  sum.high = vfmaq_f32(sum.high, vmulq_f32(weight.d.high, d.high), joined.high);
  if constexpr (kHasMin) {
    sum.low = vfmsq_f32(sum.low, vmulq_f32(weight.dmin.low, d.low), vcvtq_f32_s32(min.low));
    sum.high = vfmsq_f32(sum.high, vmulq_f32(weight.dmin.high, d.high), vcvtq_f32_s32(min.high));
  }
  return sum;
}

template <typename Kind>
struct BlockProduct {
  using Start = typename Kind::Start;
  using Sums = typename Kind::Sums;
  using Weights = typename Kind::Weights;

  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    EightFloats sum = all_eight(0);
    for (std::size_t block = 0; block < width / Kind::kValues; ++block) {
      const std::size_t offset = block * Kind::kBytes;
      const bool has_remainder = x.remainder_d[block] != 0;
      const Start start = Kind::start(x, block);
      Sums sums;
      Sums remainders;
      for (std::size_t i = 0; i < kTile; ++i) {
        const Byte* bytes = tile.row[i] + offset;
        prefetch_stream<Kind::kBytes>(bytes);
        const Weights weights = Kind::unpack(bytes);
        Kind::multiply(weights, x, block, start, i, sums);
        if (has_remainder) Kind::multiply_remainder(weights, x, block, Kind::remainder_start(x, block), i, remainders);
      }
      const WeightScales scales = weight_scales<typename Kind::Format>(tile.row, offset);
      sum = step(sum, scales, all_eight(x.d[block]), sums);
      if (has_remainder) sum = remainder_step(sum, scales, all_eight(x.remainder_d[block]), remainders);
    }
    float outputs[kTile];
    vst1q_f32(outputs, sum.low);
    vst1q_f32(outputs + 4, sum.high);
    tile.store(outputs, out);
  }

  static EightFloats step(EightFloats sum, const WeightScales& scales, EightFloats d, const Sums& sums) {
    return float_step<Kind::kHasMin>(sum, scales, d, Kind::joined(sums), Kind::mins(sums));
  }
  static EightFloats remainder_step(EightFloats sum, const WeightScales& scales, EightFloats d, const Sums& sums) {
    return float_step<Kind::kHasMin>(sum, scales, d, Kind::joined_remainders(sums), Kind::mins(sums));
  }
};

}  // namespace
}  // namespace assay::kernels
