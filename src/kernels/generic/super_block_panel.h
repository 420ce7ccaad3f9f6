// Panels of types with blocks of 256 values.
//
// A vector holds four neighbouring values q of each of sixteen rows, signed bytes. They are multiplied with four bytes
// of a token, which must be unsigned: lo is, and hi and the remainder become so by 128 more. Each sum over a chunk of
// values starts at -127 * sum q, as if the bytes were -127 to 128, is multiplied by the sixteen sub-scales s and added:
//   H = sum s * (-127 * sum q + sum q * (hi + 128)) - C,  L = sum s * (-127 * sum q + sum q * lo) + 127 * C
// with C = sum s * sum q. So small are a chunk's sums that they may fit words (word_values), which are multiplied and
// added at once; if not, a chunk is a group.
//
// Where there are no sub-scales, or a quant times its own fits a byte and is taken for q, a block is summed at once:
//   H = -128 * sum q + sum q * (hi + 128),  L = sum q * lo
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

/// Values of a group whose sums fit words, where at most kMostSteps dot_words() scale a whole group; else 0. Quants are
/// -kBias to kMostQuant - kBias.
template <typename Format, std::size_t kMostSteps>
constexpr std::size_t word_values() {
  if constexpr (requires { Format::kMostQuant; }) {
    for (std::size_t steps = 1; steps <= kMostSteps; steps *= 2) {
      const int bytes = 128 * static_cast<int>(Format::kGroupValues / steps);
      if (bytes * Format::kBias <= 32768 && bytes * (Format::kMostQuant - Format::kBias) <= 32767)
        return Format::kGroupValues / steps;
    }
  }
  return 0;
}

/// Whether quants, which are not negative, may be multiplied by their sub-scales before all else.
template <typename Format>
constexpr bool has_small_products() {
  if constexpr (requires { Format::kMostScale; })
    return Format::kBias == 0 && Format::kMostQuant * Format::kMostScale <= 63;
  return false;
}

template <typename Format, std::size_t kMostSteps = kWordSteps>
class SuperBlockPanel {
  static constexpr std::size_t kGroupValues = Format::kGroupValues;
  static constexpr std::size_t kGroups = 256 / kGroupValues;
  static constexpr bool kIsFolded = has_small_products<Format>();
  static constexpr bool kIsWhole = kIsFolded || kGroupValues == 128;
  static constexpr bool kIsInWords = !kIsWhole && word_values<Format, kMostSteps>() != 0;
  static constexpr std::size_t kChunkValues = kIsWhole     ? 256
                                              : kIsInWords ? word_values<Format, kMostSteps>()
                                                           : kGroupValues;
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
    if constexpr (kIsFolded) {
      Int scales[kGroups];
      unpack_groups<Format, Format::scales>(rows, offset, scales);
      // Nothing is carried from byte to byte.
      for (std::size_t v = 0; v < kValues / 4; ++v)
        quants_[v] = multiply_ints(quants_[v], scales[4 * v / kGroupValues]);
    }
    if constexpr (!kIsWhole) {
      unpack_groups<Format, Format::scales>(rows, offset, sub_scales_);
      if constexpr (kIsInWords)
        for (Int& scales : sub_scales_) scales = bit_and(scales, all_ints(0xFFFF));
    }
    set_starts();
    mins_.template unpack<Format>(rows, offset);
  }

  template <std::size_t kTokens>
  struct Packed {
    alignas(64) Byte hi[kTokens][kValues];
    const Byte* lo[kTokens];
    float d[kTokens];
    typename Mins::Sums min_sums[kTokens];
  };
  template <std::size_t kTokens>
  static Packed<kTokens> pack(const Activations& x, std::size_t first_token, std::size_t block,
                              std::size_t /*blocks*/) {
    Packed<kTokens> packed;
    for (std::size_t t = 0; t < kTokens; ++t) {
      const Token token = token_of(x, first_token + t);
      prefetch_token<kValues>(x, first_token + t, block * kValues, kTokens);
      make_unsigned(token.hi + block * kValues, packed.hi[t]);
      packed.lo[t] = token.lo + block * kValues;
      packed.d[t] = token.d[block];
      if constexpr (Format::kHasMin) packed.min_sums[t] = Mins::sums_of(token.sums + block * 16);
    }
    return packed;
  }

  template <std::size_t kTokens>
  static void add(const SuperBlockPanel* panels, const Packed<kTokens>& x, std::size_t /*block*/,
                  std::size_t /*blocks*/, Float* sums) {
    const Byte* planes[2 * kTokens];
    Int totals[kPanelsAtOnce][2 * kTokens];
    for (std::size_t t = 0; t < kTokens; ++t) {
      planes[2 * t] = x.hi[t];
      planes[2 * t + 1] = x.lo[t];
      for (std::size_t p = 0; p < kPanelsAtOnce; ++p) {
        totals[p][2 * t] = panels[p].start_of_high_;
        totals[p][2 * t + 1] = panels[p].start_of_low_;
      }
    }
    add_planes(panels, planes, totals);
    for (std::size_t p = 0; p < kPanelsAtOnce; ++p) {
      for (std::size_t t = 0; t < kTokens; ++t) {
        const Float high = to_floats(totals[p][2 * t]);
        const Float joined = fused(all_floats(256.0F), high, to_floats(totals[p][2 * t + 1]));
        Float& sum = sums[p * kMostPanelTokens + t];
        sum = panels[p].step(sum, x.d[t], joined, x.min_sums[t]);
      }
    }
  }

  /// As many tokens as there are planes in a tile.
  static constexpr std::size_t kRemaindersAtOnce = 2 * kTokensAtOnce;
  struct Remainders {
    std::size_t count;
    std::size_t token[kRemaindersAtOnce];
    alignas(64) Byte bytes[kRemaindersAtOnce][kValues];
    float d[kRemaindersAtOnce];
    typename Mins::Sums min_sums[kRemaindersAtOnce];
  };
  /// Of `count` tokens, numbered from `begin` on. The last one stands for what is missing.
  static Remainders pack_remainders(const Activations& x, std::size_t begin, const std::size_t* tokens,
                                    std::size_t count, std::size_t block) {
    Remainders packed;
    packed.count = count < kRemaindersAtOnce ? count : kRemaindersAtOnce;
    for (std::size_t i = 0; i < kRemaindersAtOnce; ++i) {
      packed.token[i] = tokens[i < count ? i : count - 1];
      const Token token = token_of(x, begin + packed.token[i]);
      make_unsigned(token.remainder + block * kValues, packed.bytes[i]);
      packed.d[i] = token.remainder_d[block];
      if constexpr (Format::kHasMin) packed.min_sums[i] = Mins::sums_of(token.remainder_sums + block * 16);
    }
    return packed;
  }
  static void add_remainders(const SuperBlockPanel* panels, const Remainders& x, Float* sums) {
    const Byte* planes[kRemaindersAtOnce];
    Int totals[kPanelsAtOnce][kRemaindersAtOnce];
    for (std::size_t i = 0; i < kRemaindersAtOnce; ++i) {
      planes[i] = x.bytes[i];
      for (std::size_t p = 0; p < kPanelsAtOnce; ++p) totals[p][i] = panels[p].start_of_high_;
    }
    add_planes(panels, planes, totals);
    for (std::size_t p = 0; p < kPanelsAtOnce; ++p) {
      for (std::size_t i = 0; i < x.count; ++i) {
        Float& sum = sums[p * kMostPanelTokens + x.token[i]];
        sum = panels[p].step(sum, x.d[i], to_floats(totals[p][i]), x.min_sums[i]);
      }
    }
  }

 private:
  static Int dot_quants(Int sum, Int plane, Int quants) {
    return Format::kBias == 128 ? dot_wide_bytes(sum, plane, quants) : dot_bytes(sum, plane, quants);
  }

  /// Adds each plane's products of kVectors vectors to its sums.
  template <std::size_t kVectors, std::size_t kPlanes>
  [[gnu::always_inline]] static void add_vectors(const SuperBlockPanel* panels, const Byte* const (&planes)[kPlanes],
                                                 std::size_t first, Int (&sums)[kPanelsAtOnce][kPlanes]) {
#pragma GCC unroll 8
    for (std::size_t v = first; v < first + kVectors; ++v) {
      for (std::size_t plane = 0; plane < kPlanes; ++plane) {
        const Int bytes = same_ints(planes[plane] + 4 * v);
        for (std::size_t p = 0; p < kPanelsAtOnce; ++p)
          sums[p][plane] = dot_quants(sums[p][plane], bytes, panels[p].quants_[v]);
      }
    }
  }

  /// Adds each plane's products, scaled, to its totals.
  template <std::size_t kPlanes>
  [[gnu::always_inline]] static void add_planes(const SuperBlockPanel* panels, const Byte* const (&planes)[kPlanes],
                                                Int (&totals)[kPanelsAtOnce][kPlanes]) {
    if constexpr (kIsWhole) {
      add_vectors<kChunkVectors>(panels, planes, 0, totals);
      return;
    }
#pragma GCC unroll 2
    for (std::size_t chunk = 0; chunk < kChunks; ++chunk) {
      Int sums[kPanelsAtOnce][kPlanes];
      for (std::size_t p = 0; p < kPanelsAtOnce; ++p)
        for (Int& sum : sums[p]) sum = panels[p].starts_[chunk];
      add_vectors<kChunkVectors>(panels, planes, chunk * kChunkVectors, sums);
      for (std::size_t p = 0; p < kPanelsAtOnce; ++p)
        for (std::size_t plane = 0; plane < kPlanes; ++plane)
          totals[p][plane] = panels[p].add_scaled(totals[p][plane], sums[p][plane], chunk);
    }
  }

  /// 128 more.
  static void make_unsigned(const std::int8_t* plane, Byte* bytes) {
    for (std::size_t i = 0; i < kValues; i += 64) store(bit_xor(load(plane + i), all_bytes(-128)), bytes + i);
  }

  void set_starts() {
    Int total = zero();
    if constexpr (kIsWhole) {
      for (const Int& quants : quants_) total = dot_quants(total, all_bytes(1), quants);
      start_of_high_ = multiply_ints(total, all_ints(-128));
      start_of_low_ = zero();
      return;
    }
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

  Int quants_[kValues / 4];
  Int starts_[kChunks];
  Int start_of_high_, start_of_low_;
  Int sub_scales_[kIsWhole ? 1 : kGroups];  ///< words, each beside a 0, if kIsInWords
  Mins mins_;
  PanelScales scales_;
};

}  // namespace
}  // namespace assay::kernels
