// Products of types with blocks of 32 values: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, MXFP4; and their rows in
// float64.
//
//   I = 256 * sum q * hi + sum u * lo - b * sum lo;  where u is a signed byte, sum u * hi and b * sum x do as well.
// Signed quants (Q8_0, Q8_1, IQ4_NL) are made unsigned by a bias of 128. The integer is exact, whatever wraps on its
// way to it: it is below 2^28 (generic/small_block.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/exact.h"
#include "kernels/neon/product.h"

namespace assay::kernels {
namespace {

/// Values 0-15 and 16-31 of a block.
struct Quants {
  uint8x16_t part[2];
};
inline Quants nibbles(const Byte* field) {
  const uint8x16_t packed = vld1q_u8(field);
  return {{vandq_u8(packed, vdupq_n_u8(15)), vshrq_n_u8(packed, 4)}};
}
/// Bit i of four bytes is value i's fifth.
inline Quants with_fifth_bits(Quants quants, const Byte* field) {
  const uint8x16_t own_bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  for (std::size_t i = 0; i < 2; ++i) {
    const uint8x16_t bits = vcombine_u8(vdup_n_u8(field[2 * i]), vdup_n_u8(field[2 * i + 1]));
    quants.part[i] = vorrq_u8(quants.part[i], vandq_u8(vtstq_u8(bits, own_bit), vdupq_n_u8(16)));
  }
  return quants;
}

struct Q40 {
  static constexpr std::size_t kBytes = 18;
  static constexpr int kBias = 8;
  static constexpr bool kHasMin = false;
  static Quants quants(const Byte* block) { return nibbles(block + 2); }
};

struct Q41 {
  static constexpr std::size_t kBytes = 20;
  static constexpr int kBias = 0;
  static constexpr bool kHasMin = true;
  static Quants quants(const Byte* block) { return nibbles(block + 4); }
};

struct Q50 {
  static constexpr std::size_t kBytes = 22;
  static constexpr int kBias = 16;
  static constexpr bool kHasMin = false;
  static Quants quants(const Byte* block) { return with_fifth_bits(nibbles(block + 6), block + 2); }
};

struct Q51 {
  static constexpr std::size_t kBytes = 24;
  static constexpr int kBias = 0;
  static constexpr bool kHasMin = true;
  static Quants quants(const Byte* block) { return with_fifth_bits(nibbles(block + 8), block + 4); }
};

struct Q80 {
  static constexpr std::size_t kBytes = 34;
  static constexpr int kBias = 128;
  static constexpr bool kHasMin = false;
  static Quants quants(const Byte* block) { return bytes(block + 2); }
  static Quants bytes(const Byte* field) {
    const uint8x16_t sign = vdupq_n_u8(128);
    return {{veorq_u8(vld1q_u8(field), sign), veorq_u8(vld1q_u8(field + 16), sign)}};
  }
};

struct Q81 {
  static constexpr std::size_t kBytes = 36;
  static constexpr int kBias = 128;
  static constexpr bool kHasMin = false;
  static Quants quants(const Byte* block) { return Q80::bytes(block + 4); }
};

/// Nibbles are indices of a codebook of sixteen values, here with their bias.
struct Iq4Nl {
  static constexpr std::size_t kBytes = 18;
  static constexpr int kBias = 128;
  static constexpr bool kHasMin = false;
  static Quants quants(const Byte* block) {
    constexpr Byte kCodebook[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
    return look_up(block + 2, load_lane(kCodebook));
  }
  static Quants look_up(const Byte* field, uint8x16_t codebook) {
    const Quants indices = nibbles(field);
    return {{vqtbl1q_u8(codebook, indices.part[0]), vqtbl1q_u8(codebook, indices.part[1])}};
  }
};

struct Mxfp4 {
  static constexpr std::size_t kBytes = 17;
  static constexpr int kBias = 12;
  static constexpr bool kHasMin = false;
  static Quants quants(const Byte* block) {
    constexpr Byte kCodebook[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
    return Iq4Nl::look_up(block + 1, load_lane(kCodebook));
  }
  static float scale(const Byte* block) { return power_of_two(block[0]); }
};

template <typename BlockFormat>
struct SmallBlocks {
  using Format = BlockFormat;
  static constexpr std::size_t kValues = 32;
  static constexpr std::size_t kBytes = Format::kBytes;
  static constexpr bool kHasMin = Format::kHasMin;
  static constexpr bool kIsSignedByte = Format::kBias < 128;

  using Weights = Quants;
  static Weights unpack(const Byte* block) { return Format::quants(block); }
  /// A byte for the signed dot product: u itself, or q.
  static uint8x16_t signed_byte(uint8x16_t quant) { return kIsSignedByte ? quant : veorq_u8(quant, vdupq_n_u8(128)); }

  /// What is taken from the sum of products, and M = sum of -1 * x.
  struct Start {
    std::int32_t bias, min;
  };
  static Start start(const Token& x, std::size_t block) {
    const std::int32_t sum = x.sums[2 * block] + x.sums[2 * block + 1];
    if constexpr (kIsSignedByte) return {Format::kBias * sum, -sum};
    const std::int8_t* hi = x.hi + kValues * block;
    const int8x16_t ones = vdupq_n_s8(1);
    const int32x4_t hi_sums = vdotq_s32(vdotq_s32(vdupq_n_s32(0), ones, vld1q_s8(hi)), ones, vld1q_s8(hi + 16));
    return {Format::kBias * (sum - 256 * vaddvq_s32(hi_sums)), -sum};
  }
  static Start remainder_start(const Token& x, std::size_t block) {
    const std::int32_t sum = x.remainder_sums[2 * block] + x.remainder_sums[2 * block + 1];
    return {kIsSignedByte ? Format::kBias * sum : 0, -sum};
  }

  /// Of eight outputs: products before their lanes are added, and starts.
  struct Sums {
    int32x4_t products[kTile];
    std::int32_t bias[kTile], min[kTile];
  };
  static void multiply(const Weights& weights, const Token& x, std::size_t block, const Start& start, std::size_t i,
                       Sums& sums) {
    const std::uint8_t* lo = x.lo + kValues * block;
    const int32x4_t high = vshlq_n_s32(signed_products(weights, x.hi + kValues * block), 8);
    sums.products[i] = dot(dot(high, weights.part[0], vld1q_u8(lo)), weights.part[1], vld1q_u8(lo + 16));
    set_start(start, i, sums);
  }
  static void multiply_remainder(const Weights& weights, const Token& x, std::size_t block, const Start& start,
                                 std::size_t i, Sums& sums) {
    sums.products[i] = signed_products(weights, x.remainder + kValues * block);
    set_start(start, i, sums);
  }
  static int32x4_t signed_products(const Weights& weights, const std::int8_t* plane) {
    const int32x4_t first = dot(vdupq_n_s32(0), signed_byte(weights.part[0]), vld1q_s8(plane));
    return dot(first, signed_byte(weights.part[1]), vld1q_s8(plane + 16));
  }
  static void set_start(const Start& start, std::size_t i, Sums& sums) {
    if constexpr (Format::kBias != 0) sums.bias[i] = start.bias;
    if constexpr (kHasMin) sums.min[i] = start.min;
  }

  static EightFloats joined(const Sums& sums) {
    EightInts integers = totals(sums.products);
    if constexpr (Format::kBias != 0) {
      integers.low = vsubq_s32(integers.low, vld1q_s32(sums.bias));
      integers.high = vsubq_s32(integers.high, vld1q_s32(sums.bias + 4));
    }
    return floats_of_ints(integers);
  }
  static EightFloats joined_remainders(const Sums& sums) { return joined(sums); }
  static EightInts mins(const Sums& sums) {
    if constexpr (!kHasMin) return no_ints();
    return {vld1q_s32(sums.min), vld1q_s32(sums.min + 4)};
  }
};

template <typename Format>
using SmallBlockProduct = BlockProduct<SmallBlocks<Format>>;

/// See exact.h.
template <typename Format>
struct SmallBlockRow {
  static constexpr std::size_t kBlockValues = 32;
  template <typename Take>
  static void read(const Byte* blocks, std::size_t block_count, Take take) {
    for (std::size_t i = 0; i < block_count; ++i) {
      const Byte* block = blocks + i * Format::kBytes;
      const ExactScales scales = exact_scales<Format>(block);
      const Quants quants = Format::quants(block);
      for (std::size_t half = 0; half < 2; ++half) {
        const Doubles q = doubles_of_signed_bytes(subtract_from_bytes(quants.part[half], Format::kBias));
        // A minimum of these types is added: it stands in the file with its sign.
        take(32 * i + 16 * half,
             fused_subtract(all_doubles(scales.d), q, all_doubles(Format::kHasMin ? -scales.dmin : 0.0)));
      }
    }
  }
};

}  // namespace
}  // namespace assay::kernels
