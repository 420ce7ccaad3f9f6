// Panels of types with blocks of 32 values, two blocks at a time: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL,
// MXFP4.
//
//   I = 256 * sum q * hi + 128 * sum q + sum q * (lo - 128)
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/neon/panel.h"
#include "kernels/neon/small_block.h"

namespace assay::kernels {
namespace {

template <typename Format>
class SmallBlockPanel {
 public:
  static constexpr std::size_t kValues = 32;
  static constexpr std::size_t kBlocks = 2;
  static constexpr std::size_t kTokensAtOnce = kPanelTokens;

  /// A single block, the last of an odd number, stands for both.
  void unpack(const PanelRows& rows, std::size_t block, std::size_t blocks) {
    const std::size_t offset = block * Format::kBytes;
    const std::size_t next = offset + (blocks - 1) * Format::kBytes;
    Int by_row[kPanelRows];
    for (std::size_t i = 0; i < kPanelRows; ++i) {
      const Quants first = Format::quants(rows.row[i] + offset);
      const Quants second = Format::quants(rows.row[i] + next);
      by_row[i] =
          subtract_bytes({{first.part[0], first.part[1], second.part[0], second.part[1]}}, all_bytes(Format::kBias));
    }
    arrange_quants(by_row, quants_);
    low_starts_[0] = start_of_low(quants_, kValues);
    low_starts_[1] = start_of_low(quants_ + kBlockVectors, kValues);
    scales_[0] = panel_scales<Format>(rows, offset);
    scales_[1] = panel_scales<Format>(rows, next);
  }

  template <std::size_t kTokens>
  static PackedTokens<kTokens, kBlocks * kValues> pack(const Activations& x, std::size_t first_token, std::size_t block,
                                                       std::size_t blocks) {
    return pack_tokens<kTokens, kBlocks * kValues>(x, first_token, block * kValues, blocks * kValues);
  }

  template <std::size_t kTokens>
  void add(const PackedTokens<kTokens, kBlocks * kValues>& x, std::size_t block, std::size_t blocks,
           Float* sums) const {
    for (std::size_t i = 0; i < blocks; ++i) {
      PanelSums<kTokens> integers;
      add_products(integers, i, x.hi + 2 * i);
      integers.template shift_left<8>();
      integers.add(low_starts_[i]);
      add_products(integers, i, x.lo + 2 * i);
      for (std::size_t t = 0; t < kTokens; ++t) {
        const Token& token = x.tokens[t];
        sums[t] = step(sums[t], i, token.d[block + i], integers.of_token(t), token.sums + 2 * (block + i));
        if (token.remainder_d[block + i] != 0) sums[t] = add_remainder(token, block + i, i, sums[t]);
      }
    }
  }

 private:
  static constexpr std::size_t kBlockVectors = kValues / 4;

  template <std::size_t kTokens>
  [[gnu::always_inline]] void add_products(PanelSums<kTokens>& integers, std::size_t i,
                                           const typename PanelSums<kTokens>::Sixteen* x) const {
    integers.add_sixteen(quants_ + i * kBlockVectors, x[0]);
    integers.add_sixteen(quants_ + i * kBlockVectors + 4, x[1]);
  }

  /// M = sum of -1 * x.
  Float step(const Float& sum, std::size_t i, float d, const Int& integers, const std::int32_t* x_sums) const {
    const Float min = all_floats(static_cast<float>(-(x_sums[0] + x_sums[1])));
    return panel_step<Format::kHasMin>(sum, scales_[i], d, to_floats(integers), min);
  }

  Float add_remainder(const Token& x, std::size_t block, std::size_t i, const Float& sum) const {
    const std::int8_t* remainder = x.remainder + block * kValues;
    PanelSums<1> integers;
    const PanelSums<1>::Sixteen packed[] = {PanelSums<1>::pack(&remainder, 0), PanelSums<1>::pack(&remainder, 16)};
    add_products(integers, i, packed);
    return step(sum, i, x.remainder_d[block], integers.of_token(0), x.remainder_sums + 2 * block);
  }

  Int quants_[2 * kBlockVectors];  ///< the first block, then the second
  Int low_starts_[2];
  PanelScales scales_[2];
};

}  // namespace
}  // namespace assay::kernels
