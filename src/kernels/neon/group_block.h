// Products and panels of types with blocks of 64 values in groups of 16 (generic/group_block_formats.h). For each group
//   I = 256 * sum q * hi + 128 * sum q + sum q * (lo - 128)
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/group_block_formats.h"
#include "kernels/neon/panel.h"
#include "kernels/neon/product.h"

namespace assay::kernels {
namespace {

template <typename Format>
struct GroupBlockProduct {
  static constexpr std::size_t kValues = 64;
  static constexpr std::size_t kGroups = 4;

  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    EightFloats sum = all_eight(0);
    for (std::size_t block = 0; block < width / kValues; ++block) {
      const std::size_t offset = block * Format::kBytes;
      Int quants[kTile];
      for (std::size_t i = 0; i < kTile; ++i) {
        prefetch_stream<Format::kBytes>(tile.row[i] + offset);
        quants[i] = subtract_bytes(Format::quants(tile.row[i] + offset), all_bytes(Format::kBias));
      }
      const WeightScales scales[kGroups] = {group_scales<0>(tile, offset), group_scales<1>(tile, offset),
                                            group_scales<2>(tile, offset), group_scales<3>(tile, offset)};
      for (std::size_t group = 0; group < kGroups; ++group) {
        const std::size_t first = block * kValues + 16 * group;
        const EightInts high = sums(quants, group, vld1q_s8(x.hi + first));
        const EightInts low = sums(quants, group, signed_plane(x.lo + first));
        const EightInts ones = sums(quants, group, vdupq_n_s8(1));
        sum = step(sum, scales[group], x.d[block],
                   {joined(high.low, low.low, ones.low), joined(high.high, low.high, ones.high)});
      }
      if (x.remainder_d[block] == 0) continue;
      for (std::size_t group = 0; group < kGroups; ++group) {
        const EightInts integers = sums(quants, group, vld1q_s8(x.remainder + block * kValues + 16 * group));
        sum = step(sum, scales[group], x.remainder_d[block], integers);
      }
    }
    float outputs[kTile];
    vst1q_f32(outputs, sum.low);
    vst1q_f32(outputs + 4, sum.high);
    tile.store(outputs, out);
  }

 private:
  template <int kGroup>
  static WeightScales group_scales(const RowTile& tile, std::size_t offset) {
    return weight_scales<typename Format::template Group<kGroup>>(tile.row, offset);
  }
  static EightInts sums(const Int* quants, std::size_t group, int8x16_t plane) {
    int32x4_t products[kTile];
    for (std::size_t i = 0; i < kTile; ++i) products[i] = dot(vdupq_n_s32(0), quants[i].part[group], plane);
    return totals(products);
  }
  static int32x4_t joined(int32x4_t high, int32x4_t low, int32x4_t ones) {
    return vaddq_s32(vaddq_s32(vshlq_n_s32(high, 8), low), vshlq_n_s32(ones, 7));
  }
  static EightFloats step(EightFloats sum, const WeightScales& scales, float d, EightInts integers) {
    return float_step<false>(sum, scales, all_eight(d), floats_of_ints(integers), no_ints());
  }
};

template <typename Format>
class GroupBlockPanel {
 public:
  static constexpr std::size_t kValues = 64;
  static constexpr std::size_t kBlocks = 1;
  static constexpr std::size_t kTokensAtOnce = kPanelTokens;

  void unpack(const PanelRows& rows, std::size_t block, std::size_t /*blocks*/) {
    const std::size_t offset = block * Format::kBytes;
    Int by_row[kPanelRows];
    for (std::size_t i = 0; i < kPanelRows; ++i)
      by_row[i] = subtract_bytes(Format::quants(rows.row[i] + offset), all_bytes(Format::kBias));
    arrange_quants(by_row, quants_);
    for (std::size_t group = 0; group < kGroups; ++group) low_starts_[group] = start_of_low(quants_ + 4 * group, 16);
    scales_[0] = panel_scales<typename Format::template Group<0>>(rows, offset);
    scales_[1] = panel_scales<typename Format::template Group<1>>(rows, offset);
    scales_[2] = panel_scales<typename Format::template Group<2>>(rows, offset);
    scales_[3] = panel_scales<typename Format::template Group<3>>(rows, offset);
  }

  template <std::size_t kTokens>
  static PackedTokens<kTokens, kValues> pack(const Activations& x, std::size_t first_token, std::size_t block,
                                             std::size_t /*blocks*/) {
    return pack_tokens<kTokens, kValues>(x, first_token, block * kValues, kValues);
  }

  template <std::size_t kTokens>
  void add(const PackedTokens<kTokens, kValues>& x, std::size_t block, std::size_t /*blocks*/, Float* sums) const {
    for (std::size_t group = 0; group < kGroups; ++group) {
      PanelSums<kTokens> integers;
      integers.add_sixteen(quants_ + 4 * group, x.hi[group]);
      integers.template shift_left<8>();
      integers.add(low_starts_[group]);
      integers.add_sixteen(quants_ + 4 * group, x.lo[group]);
      for (std::size_t t = 0; t < kTokens; ++t)
        sums[t] = step(sums[t], group, x.tokens[t].d[block], integers.of_token(t));
    }
    for (std::size_t t = 0; t < kTokens; ++t)
      if (x.tokens[t].remainder_d[block] != 0) sums[t] = add_remainder(x.tokens[t], block, sums[t]);
  }

 private:
  static constexpr std::size_t kGroups = 4;

  Float step(const Float& sum, std::size_t group, float d, const Int& integers) const {
    return panel_step<false>(sum, scales_[group], d, to_floats(integers), all_floats(0));
  }

  Float add_remainder(const Token& x, std::size_t block, Float sum) const {
    const std::int8_t* remainder = x.remainder + block * kValues;
    for (std::size_t group = 0; group < kGroups; ++group) {
      PanelSums<1> integers;
      integers.add_sixteen(quants_ + 4 * group, PanelSums<1>::pack(&remainder, 16 * group));
      sum = step(sum, group, x.remainder_d[block], integers.of_token(0));
    }
    return sum;
  }

  Int quants_[kValues / 4];
  Int low_starts_[kGroups];
  PanelScales scales_[kGroups];
};

}  // namespace
}  // namespace assay::kernels
