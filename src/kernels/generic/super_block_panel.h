// Panels of types with blocks of 256 values.
//
// A vector holds four neighbouring values q of each of sixteen rows, signed bytes. They are multiplied with four bytes
// of a token, which must be unsigned: lo is, and hi and the remainder become so by 128 more. Each sum over a chunk of
// values starts at -127 * sum q, as if the bytes were -127 to 128, is multiplied by the sixteen sub-scales s and added:
//   H = sum s * (-127 * sum q + sum q * (hi + 128)) - C,  L = sum s * (-127 * sum q + sum q * lo) + 127 * C
// with C = sum s * sum q. So small are a chunk's sums that they may fit words (word_values), which are multiplied and
// added at once; if not, a chunk is a group.
//
// Nothing overflows: |q| <= 63, and a pair of products 2 * 63 * 255 stays below 2^15, or q is wide and its products are
// summed in 32 bits; all else as in super_block.h. C may be added to what wraps around.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/panel_mins.h"
#include "kernels/generic/super_block_unpack.h"

namespace assay::kernels {
namespace {

/// Values of a group whose sums fit words, where dot_words() is the cheaper way to scale them; else 0. Quants are
/// -kBias to kMostQuant - kBias.
template <typename Format>
constexpr std::size_t word_values() {
  if constexpr (requires { Format::kMostQuant; }) {
    for (std::size_t steps = 1; steps <= kWordSteps; steps *= 2) {
      const int bytes = 128 * static_cast<int>(Format::kGroupValues / steps);
      if (bytes * Format::kBias <= 32768 && bytes * (Format::kMostQuant - Format::kBias) <= 32767)
        return Format::kGroupValues / steps;
    }
  }
  return 0;
}

template <typename Format>
class SuperBlockPanel {
  static constexpr std::size_t kGroupValues = Format::kGroupValues;
  static constexpr std::size_t kGroups = 256 / kGroupValues;
  static constexpr bool kIsInWords = word_values<Format>() != 0;
  static constexpr std::size_t kChunkValues = kIsInWords ? word_values<Format>() : kGroupValues;
  static constexpr std::size_t kChunks = 256 / kChunkValues;
  static constexpr std::size_t kChunkVectors = kChunkValues / 4;

  using Mins = PanelMins<kGroups, Format::kHasMin>;

 public:
  static constexpr std::size_t kValues = 256;
  static constexpr std::size_t kBlocks = 1;
  static constexpr std::size_t kTokensAtOnce = kPanelTokens / 2;  // of two sums each

  void unpack(const PanelRows& rows, std::size_t block, std::size_t /*blocks*/) {
    const std::size_t offset = block * Format::kBytes;
    scales_ = panel_scales<Format>(rows, offset);
    unpack_quants<Format, transpose_ints>(rows, offset, quants_);
    unpack_groups<Format, Format::scales>(rows, offset, sub_scales_);
    if constexpr (kIsInWords)
      for (Int& scales : sub_scales_) scales = bit_and(scales, all_ints(0xFFFF));
    set_starts();
    mins_.template unpack<Format>(rows, offset);
  }

  template <std::size_t kTokens>
  struct Packed {
    Token tokens[kTokens];
    alignas(64) Byte hi[kTokens][kValues];
    const Byte* lo[kTokens];
    float d[kTokens];
    bool has_remainder;
    typename Mins::Sums min_sums[kTokens];
  };
  template <std::size_t kTokens>
  static Packed<kTokens> pack(const Activations& x, std::size_t first_token, std::size_t block,
                              std::size_t /*blocks*/) {
    Packed<kTokens> packed;
    packed.has_remainder = false;
    for (std::size_t t = 0; t < kTokens; ++t) {
      const Token& token = packed.tokens[t] = token_of(x, first_token + t);
      prefetch_token<kValues>(x, first_token + t, block * kValues, kTokens);
      make_unsigned(token.hi + block * kValues, packed.hi[t]);
      packed.lo[t] = token.lo + block * kValues;
      packed.d[t] = token.d[block];
      packed.has_remainder = packed.has_remainder || token.remainder_d[block] != 0;
      if constexpr (Format::kHasMin) packed.min_sums[t] = Mins::sums_of(token.sums + block * 16);
    }
    return packed;
  }

  template <std::size_t kTokens>
  static void add(const SuperBlockPanel* panels, const Packed<kTokens>& x, std::size_t block, std::size_t /*blocks*/,
                  Float* sums) {
    Int high[kPanelsAtOnce][kTokens];
    Int low[kPanelsAtOnce][kTokens];
    for (std::size_t p = 0; p < kPanelsAtOnce; ++p) {
      for (std::size_t t = 0; t < kTokens; ++t) {
        high[p][t] = panels[p].start_of_high_;
        low[p][t] = panels[p].start_of_low_;
      }
    }
#pragma GCC unroll 2
    for (std::size_t chunk = 0; chunk < kChunks; ++chunk) {
      Int chunk_high[kPanelsAtOnce][kTokens];
      Int chunk_low[kPanelsAtOnce][kTokens];
      for (std::size_t p = 0; p < kPanelsAtOnce; ++p)
        for (std::size_t t = 0; t < kTokens; ++t) chunk_high[p][t] = chunk_low[p][t] = panels[p].starts_[chunk];
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kChunkVectors; ++i) {
        const std::size_t v = chunk * kChunkVectors + i;
        for (std::size_t t = 0; t < kTokens; ++t) {
          const Int hi = same_ints(x.hi[t] + 4 * v);
          for (std::size_t p = 0; p < kPanelsAtOnce; ++p)
            chunk_high[p][t] = dot_quants(chunk_high[p][t], hi, panels[p].quants_[v]);
          const Int lo = same_ints(x.lo[t] + 4 * v);
          for (std::size_t p = 0; p < kPanelsAtOnce; ++p)
            chunk_low[p][t] = dot_quants(chunk_low[p][t], lo, panels[p].quants_[v]);
        }
      }
      for (std::size_t p = 0; p < kPanelsAtOnce; ++p) {
        for (std::size_t t = 0; t < kTokens; ++t) {
          high[p][t] = panels[p].add_scaled(high[p][t], chunk_high[p][t], chunk);
          low[p][t] = panels[p].add_scaled(low[p][t], chunk_low[p][t], chunk);
        }
      }
    }
    for (std::size_t p = 0; p < kPanelsAtOnce; ++p) {
      for (std::size_t t = 0; t < kTokens; ++t) {
        const Float joined = fused(all_floats(256.0F), to_floats(high[p][t]), to_floats(low[p][t]));
        Float& sum = sums[p * kMostPanelTokens + t];
        sum = panels[p].step(sum, x.d[t], joined, x.min_sums[t]);
      }
    }
    if (x.has_remainder) add_remainders(panels, x, block, sums);
  }

 private:
  static Int dot_quants(Int sum, Int plane, Int quants) {
    return Format::kBias == 128 ? dot_wide_bytes(sum, plane, quants) : dot_bytes(sum, plane, quants);
  }

  /// 128 more.
  static void make_unsigned(const std::int8_t* plane, Byte* bytes) {
    for (std::size_t i = 0; i < kValues; i += 64) store(bit_xor(load(plane + i), all_bytes(-128)), bytes + i);
  }

  void set_starts() {
    Int total = zero();
    for (std::size_t chunk = 0; chunk < kChunks; ++chunk) {
      Int sum = zero();
      for (std::size_t v = chunk * kChunkVectors; v < (chunk + 1) * kChunkVectors; ++v)
        sum = dot_quants(sum, all_bytes(1), quants_[v]);
      starts_[chunk] = multiply_ints(sum, all_ints(-127));
      total = add_scaled(total, sum, chunk);
    }
    start_of_high_ = subtract_ints(zero(), total);
    start_of_low_ = multiply_ints(total, all_ints(127));
  }

  Int add_scaled(Int sum, Int chunk_sum, std::size_t chunk) const {
    const Int scales = sub_scales_[chunk * kChunkValues / kGroupValues];
    if constexpr (kIsInWords) return dot_words(sum, chunk_sum, scales);
    return add_ints(sum, multiply_ints(chunk_sum, scales));
  }

  Float step(Float sum, float d, Float joined, const typename Mins::Sums& min_sums) const {
    return panel_step<Format::kHasMin>(sum, scales_, d, joined, mins_.term(min_sums));
  }

  template <std::size_t kTokens>
  [[gnu::noinline]] static void add_remainders(const SuperBlockPanel* panels, const Packed<kTokens>& x,
                                               std::size_t block, Float* sums) {
    for (std::size_t t = 0; t < kTokens; ++t) {
      const Token& token = x.tokens[t];
      if (token.remainder_d[block] == 0) continue;
      for (std::size_t p = 0; p < kPanelsAtOnce; ++p) {
        Float& sum = sums[p * kMostPanelTokens + t];
        sum = panels[p].add_remainder(token, block, sum);
      }
    }
  }
  Float add_remainder(const Token& x, std::size_t block, Float sum) const {
    alignas(64) Byte remainder[kValues];
    make_unsigned(x.remainder + block * kValues, remainder);
    Int total = start_of_high_;
    for (std::size_t chunk = 0; chunk < kChunks; ++chunk) {
      Int chunk_sum = starts_[chunk];
      for (std::size_t v = chunk * kChunkVectors; v < (chunk + 1) * kChunkVectors; ++v)
        chunk_sum = dot_quants(chunk_sum, same_ints(remainder + 4 * v), quants_[v]);
      total = add_scaled(total, chunk_sum, chunk);
    }
    return step(sum, x.remainder_d[block], to_floats(total), Mins::sums_of(x.remainder_sums + block * 16));
  }

  Int quants_[kValues / 4];
  Int starts_[kChunks];
  Int start_of_high_, start_of_low_;
  Int sub_scales_[kGroups];  ///< words, each beside a 0, if kIsInWords
  Mins mins_;
  PanelScales scales_;
};

}  // namespace
}  // namespace assay::kernels
