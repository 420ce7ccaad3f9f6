// Panels of types with blocks of 256 values.
//
// A vector holds four neighbouring values q of each of sixteen rows, signed bytes. They are multiplied with four bytes
// of a token, which must be unsigned: lo is, and hi and the remainder become so by 128 more, for which each sum starts
// at -128 * sum q. A group's sums are multiplied by the sixteen sub-scales and added up:
//   H = sum over groups of scale * (-128 * sum q + sum q * (hi + 128)),  L = sum of scale * sum q * lo
//
// Nothing overflows: |q| <= 63, and a pair of products 2 * 63 * 255 stays below 2^15, or q is wide and its products are
// summed in 32 bits; all else as in super_block.h.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/panel_mins.h"
#include "kernels/generic/super_block_unpack.h"

namespace assay::kernels {
namespace {

template <typename Format>
class SuperBlockPanel {
  static constexpr std::size_t kGroupValues = Format::kGroupValues;
  static constexpr std::size_t kGroups = 256 / kGroupValues;
  static constexpr std::size_t kGroupVectors = kGroupValues / 4;

  using Mins = PanelMins<kGroups, Format::kHasMin>;

 public:
  static constexpr std::size_t kValues = 256;
  static constexpr std::size_t kBlocks = 1;

  void unpack(const PanelRows& rows, std::size_t block, std::size_t /*blocks*/) {
    const std::size_t offset = block * Format::kBytes;
    scales_ = panel_scales<Format>(rows, offset);
    unpack_quants<Format, transpose_ints>(rows, offset, quants_);
    set_starts();
    unpack_groups<Format, Format::scales>(rows, offset, sub_scales_);
    mins_.template unpack<Format>(rows, offset);
  }

  template <std::size_t kTokens>
  struct Packed {
    Token tokens[kTokens];
    alignas(64) Byte hi[kTokens][kValues];
    typename Mins::Sums min_sums[kTokens];
  };
  template <std::size_t kTokens>
  static Packed<kTokens> pack(const Activations& x, std::size_t first_token, std::size_t block,
                              std::size_t /*blocks*/) {
    Packed<kTokens> packed;
    for (std::size_t t = 0; t < kTokens; ++t) {
      const Token& token = packed.tokens[t] = token_of(x, first_token + t);
      make_unsigned(token.hi + block * kValues, packed.hi[t]);
      if constexpr (Format::kHasMin) packed.min_sums[t] = Mins::sums_of(token.sums + block * 16);
    }
    return packed;
  }

  template <std::size_t kTokens>
  void add(const Packed<kTokens>& x, std::size_t block, std::size_t /*blocks*/, Float* sums) const {
    Int high[kTokens];
    Int low[kTokens];
    for (std::size_t t = 0; t < kTokens; ++t) high[t] = low[t] = zero();
    for (std::size_t group = 0; group < kGroups; ++group) {
      Int group_high[kTokens];
      Int group_low[kTokens];
      for (std::size_t t = 0; t < kTokens; ++t) {
        group_high[t] = starts_[group];
        group_low[t] = zero();
      }
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kGroupVectors; ++i) {
        const std::size_t v = group * kGroupVectors + i;
        const Int quants = quants_[v];
        for (std::size_t t = 0; t < kTokens; ++t) {
          group_high[t] = dot_quants(group_high[t], same_ints(x.hi[t] + 4 * v), quants);
          group_low[t] = dot_quants(group_low[t], same_ints(x.tokens[t].lo + block * kValues + 4 * v), quants);
        }
      }
      for (std::size_t t = 0; t < kTokens; ++t) {
        high[t] = add_ints(high[t], multiply_ints(group_high[t], sub_scales_[group]));
        low[t] = add_ints(low[t], multiply_ints(group_low[t], sub_scales_[group]));
      }
    }
    for (std::size_t t = 0; t < kTokens; ++t) {
      const Token& token = x.tokens[t];
      const Float joined = fused(all_floats(256.0F), to_floats(high[t]), to_floats(low[t]));
      sums[t] = panel_step<Format::kHasMin>(sums[t], scales_, token.d[block], joined, mins_.term(x.min_sums[t]));
      if (token.remainder_d[block] != 0) sums[t] = add_remainder(token, block, sums[t]);
    }
  }

 private:
  static Int dot_quants(Int sum, Int plane, Int quants) {
    return Format::kBias == 128 ? dot_wide_bytes(sum, plane, quants) : dot_bytes(sum, plane, quants);
  }

  /// 128 more.
  static void make_unsigned(const std::int8_t* plane, Byte* bytes) {
    for (std::size_t i = 0; i < kValues; i += 64) store(bit_xor(load(plane + i), all_bytes(-128)), bytes + i);
  }

  /// -128 * sum q.
  void set_starts() {
    for (std::size_t group = 0; group < kGroups; ++group) {
      Int sum = zero();
      for (std::size_t v = group * kGroupVectors; v < (group + 1) * kGroupVectors; ++v)
        sum = dot_quants(sum, all_bytes(-128), quants_[v]);
      starts_[group] = subtract_ints(zero(), sum);
    }
  }

  Float add_remainder(const Token& x, std::size_t block, Float sum) const {
    alignas(64) Byte remainder[kValues];
    make_unsigned(x.remainder + block * kValues, remainder);
    Int total = zero();
    for (std::size_t group = 0; group < kGroups; ++group) {
      Int group_sum = starts_[group];
      for (std::size_t v = group * kGroupVectors; v < (group + 1) * kGroupVectors; ++v)
        group_sum = dot_quants(group_sum, same_ints(remainder + 4 * v), quants_[v]);
      total = add_ints(total, multiply_ints(group_sum, sub_scales_[group]));
    }
    return panel_step<Format::kHasMin>(sum, scales_, x.remainder_d[block], to_floats(total),
                                       mins_.term(Mins::sums_of(x.remainder_sums + block * 16)));
  }

  Int quants_[kValues / 4];
  Int starts_[kGroups];
  Int sub_scales_[kGroups];
  Mins mins_;
  PanelScales scales_;
};

}  // namespace
}  // namespace assay::kernels
