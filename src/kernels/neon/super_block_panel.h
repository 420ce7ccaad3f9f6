// Panels of types with blocks of 256 values.
//
//   H = sum over groups of s * sum q * hi,  L = sum of s * (128 * sum q + sum q * (lo - 128)),  M = sum of min * sum x
// Nothing overflows: |q| <= 128, a group is at most 128 * 128 * 255; all else as in super_block.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/super_block_unpack.h"
#include "kernels/neon/panel.h"

namespace assay::kernels {
namespace {

template <typename Format>
class SuperBlockPanel {
 public:
  static constexpr std::size_t kValues = 256;
  static constexpr std::size_t kBlocks = 1;
  static constexpr std::size_t kTokensAtOnce = kPanelTokens;

  void unpack(const PanelRows& rows, std::size_t block, std::size_t /*blocks*/) {
    const std::size_t offset = block * Format::kBytes;
    scales_ = panel_scales<Format>(rows, offset);
    unpack_quants<Format, arrange_quants>(rows, offset, quants_);
    for (std::size_t group = 0; group < kGroups; ++group)
      low_starts_[group] = start_of_low(quants_ + group * kGroupVectors, kGroupValues);
    unpack_groups<Format, Format::scales>(rows, offset, sub_scales_);
    if constexpr (Format::kHasMin) unpack_groups<Format, Format::mins>(rows, offset, mins_);
  }

  template <std::size_t kTokens>
  static PackedTokens<kTokens, kValues> pack(const Activations& x, std::size_t first_token, std::size_t block,
                                             std::size_t /*blocks*/) {
    return pack_tokens<kTokens, kValues>(x, first_token, block * kValues, kValues);
  }

  template <std::size_t kTokens>
  void add(const PackedTokens<kTokens, kValues>& x, std::size_t block, std::size_t /*blocks*/, Float* sums) const {
    const auto high = scaled_sums<kTokens, false>(x.hi);
    const auto low = scaled_sums<kTokens, true>(x.lo);
    for (std::size_t t = 0; t < kTokens; ++t) {
      const Token& token = x.tokens[t];
      const Float joined = fused(all_floats(256.0F), to_floats(high.of_token(t)), to_floats(low.of_token(t)));
      sums[t] =
          panel_step<Format::kHasMin>(sums[t], scales_, token.d[block], joined, min_term(token.sums + block * 16));
      if (token.remainder_d[block] != 0) sums[t] = add_remainder(token, block, sums[t]);
    }
  }

 private:
  static constexpr std::size_t kGroupValues = Format::kGroupValues;
  static constexpr std::size_t kGroups = kValues / kGroupValues;
  static constexpr std::size_t kGroupVectors = kGroupValues / 4;

  template <std::size_t kTokens, bool kIsLow>
  PanelSums<kTokens> scaled_sums(const typename PanelSums<kTokens>::Sixteen* x) const {
    PanelSums<kTokens> sums;
    for (std::size_t group = 0; group < kGroups; ++group) {
      PanelSums<kTokens> group_sums;
      if constexpr (kIsLow) group_sums.add(low_starts_[group]);
      for (std::size_t i = group * kGroupValues; i < (group + 1) * kGroupValues; i += 16)
        group_sums.add_sixteen(quants_ + i / 4, x[i / 16]);
      sums.add_products(group_sums, sub_scales_[group]);
    }
    return sums;
  }

  /// M, from 16 sums of 16 values.
  Float min_term(const std::int32_t* sums) const {
    if constexpr (!Format::kHasMin) return all_floats(0);
    Int min = zero();
    for (std::size_t group = 0; group < kGroups; ++group)
      min = add_products_of_ints(min, mins_[group], group_sum<Format>(sums, group));
    return to_floats(min);
  }

  Float add_remainder(const Token& x, std::size_t block, Float sum) const {
    const std::int8_t* remainder = x.remainder + block * kValues;
    PanelSums<1>::Sixteen packed[kValues / 16];
    for (std::size_t i = 0; i < kValues / 16; ++i) packed[i] = PanelSums<1>::pack(&remainder, 16 * i);
    const Int integers = scaled_sums<1, false>(packed).of_token(0);
    return panel_step<Format::kHasMin>(sum, scales_, x.remainder_d[block], to_floats(integers),
                                       min_term(x.remainder_sums + block * 16));
  }

  Int quants_[kValues / 4];
  Int low_starts_[kGroups], sub_scales_[kGroups], mins_[kGroups];
  PanelScales scales_;
};

}  // namespace
}  // namespace assay::kernels
