// How Q2_K to Q8_K, IQ4_XS, TQ1_0 and TQ2_0 unpack, for products, panels and rows in float64. Their layouts stand at
// the head of src/quant/<type>.cc.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/token.h"

namespace assay::kernels {
namespace {

struct Q2K {
  static constexpr std::size_t kBytes = 84;
  static constexpr std::size_t kScaleOffset = 80;
  static constexpr std::size_t kGroupValues = 16;
  static constexpr int kBias = 0;
  static constexpr int kMostQuant = 3;
  static constexpr int kMostScale = 15;
  static constexpr bool kHasMin = true;

  template <int kQuarter>
  static Int quants(const Byte* block) {
    constexpr int kShift = 4 * (kQuarter % 2);
    return move_bits<kShift, kShift + 2>(load_twice(block + 16 + 32 * (kQuarter / 2)), 3);
  }
  static Lane scales(const Byte* block) { return shifted_bytes<0>(load_lane(block), 15); }
  static Lane mins(const Byte* block) { return shifted_bytes<4>(load_lane(block), 15); }
};

struct Q3K {
  static constexpr std::size_t kBytes = 110;
  static constexpr std::size_t kScaleOffset = 108;
  static constexpr std::size_t kGroupValues = 16;
  static constexpr int kBias = 4;
  static constexpr int kMostQuant = 7;
  static constexpr bool kHasMin = false;

  template <int kQuarter>
  static Int quants(const Byte* block) {
    constexpr int kShift = 4 * (kQuarter % 2);
    const Int low = move_bits<kShift, kShift + 2>(load_twice(block + 32 + 32 * (kQuarter / 2)), 3);
    // Bit 2 * quarter of the mask belongs to the lower half, the next one to the upper: both move to bit 2.
    const Int high = move_bits<2 * kQuarter - 2, 2 * kQuarter - 1>(load_twice(block), 4);
    return bit_or(low, high);
  }
  static Lane scales(const Byte* block) {
    constexpr std::uint64_t kNibbles = 0x0F0F0F0F0F0F0F0FU;
    constexpr std::uint32_t kPairs = 0x03030303U;
    const std::uint64_t nibbles = load_quad_word(block + 96);
    const std::uint32_t pairs = load_double_word(block + 104);
    const auto upper = [&](int shift) { return std::uint64_t{pairs >> shift & kPairs} << 4; };
    const std::uint64_t low = (nibbles & kNibbles) | upper(0) | upper(2) << 32;
    const std::uint64_t high = (nibbles >> 4 & kNibbles) | upper(4) | upper(6) << 32;
    return subtract_from_bytes(lane_of(low, high), 32);
  }
};

/// The 6-bit scales and minimums of Q4_K and Q5_K, each written twice: a group has 32 values.
struct SixBitFields {
  static Lane twice(std::uint32_t low, std::uint32_t high) { return lane_of_pairs(std::uint64_t{high} << 32 | low); }
  static Lane scales(const Byte* packed) {
    const std::uint32_t low = load_double_word(packed);
    const std::uint32_t rest = load_double_word(packed + 8);
    return twice(low & 0x3F3F3F3FU, (rest & 0x0F0F0F0FU) | (low >> 2 & 0x30303030U));
  }
  static Lane mins(const Byte* packed) {
    const std::uint32_t low = load_double_word(packed + 4);
    const std::uint32_t rest = load_double_word(packed + 8);
    return twice(low & 0x3F3F3F3FU, (rest >> 4 & 0x0F0F0F0FU) | (low >> 2 & 0x30303030U));
  }
};

struct Q4K {
  static constexpr std::size_t kBytes = 144;
  static constexpr std::size_t kScaleOffset = 0;
  static constexpr std::size_t kGroupValues = 32;
  static constexpr int kBias = 0;
  static constexpr int kMostQuant = 15;
  static constexpr bool kHasMin = true;

  template <int kQuarter>
  static Int quants(const Byte* block) {
    return move_bits<0, 4>(load_twice(block + 16 + 32 * kQuarter), 15);
  }
  /// 32 of group kGroup, then 32 of the group after the next: 64 nibbles of vectors of 64 bytes.
  template <int kGroup>
  static Int quants_of_groups(const Byte* block) {
    const Int packed = load(block + 16 + 32 * (kGroup / 2));
    return kGroup % 2 == 0 ? bit_and(packed, all_bytes(15)) : move_bits<4, 4>(packed, 15);
  }
  static Lane scales(const Byte* block) { return SixBitFields::scales(block + 4); }
  static Lane mins(const Byte* block) { return SixBitFields::mins(block + 4); }
};

struct Q5K {
  static constexpr std::size_t kBytes = 176;
  static constexpr std::size_t kScaleOffset = 0;
  static constexpr std::size_t kGroupValues = 32;
  static constexpr int kBias = 0;
  static constexpr int kMostQuant = 31;
  static constexpr bool kHasMin = true;

  template <int kQuarter>
  static Int quants(const Byte* block) {
    const Int low = move_bits<0, 4>(load_twice(block + 48 + 32 * kQuarter), 15);
    return bit_or(low, move_bits<2 * kQuarter - 4, 2 * kQuarter - 3>(load_twice(block + 16), 16));
  }
  template <int kGroup>
  static Int quants_of_groups(const Byte* block) {
    const Int low = Q4K::quants_of_groups<kGroup>(block + 32);
    return bit_or(low, move_bits<kGroup - 4, kGroup - 2>(load_twice(block + 16), 16));
  }
  static Lane scales(const Byte* block) { return SixBitFields::scales(block + 4); }
  static Lane mins(const Byte* block) { return SixBitFields::mins(block + 4); }
};

struct Q6K {
  static constexpr std::size_t kBytes = 210;
  static constexpr std::size_t kScaleOffset = 208;
  static constexpr std::size_t kGroupValues = 16;
  static constexpr int kBias = 32;
  static constexpr int kMostQuant = 63;
  static constexpr bool kHasMin = false;

  template <int kQuarter>
  static Int quants(const Byte* block) {
    constexpr int kNibble = 4 * (kQuarter % 2);
    const Int low = move_bits<kNibble, kNibble>(load(block + 64 * (kQuarter / 2)), 15);
    constexpr int kPair = 4 * (kQuarter % 2) - 4;
    const Int high = move_bits<kPair, kPair + 2>(load_twice(block + 128 + 32 * (kQuarter / 2)), 0x30);
    return bit_or(low, high);
  }
  static Lane scales(const Byte* block) { return load_lane(block + 192); }
};

/// Nibbles are indices of a codebook of sixteen values, here with their bias.
struct Iq4Xs {
  static constexpr std::size_t kBytes = 136;
  static constexpr std::size_t kGroupValues = 32;
  static constexpr int kBias = 128;
  static constexpr bool kHasMin = false;

  static Lane codebook() {
    constexpr Byte kCodebook[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
    return load_lane(kCodebook);
  }
  template <int kQuarter>
  static Int quants(const Byte* block) {
    return look_up(codebook(), nibbles_by_lane(block + 8 + 32 * kQuarter));
  }
  static Lane scales(const Byte* block) {
    // Eight nibbles to eight bytes, and eight pairs of bits.
    std::uint64_t low = load_double_word(block + 4);
    low = (low | low << 16) & 0x0000FFFF0000FFFFU;
    low = (low | low << 8) & 0x00FF00FF00FF00FFU;
    low = (low | low << 4) & 0x0F0F0F0F0F0F0F0FU;
    std::uint64_t high = load_word(block + 2);
    high = (high | high << 24) & 0x000000FF000000FFU;
    high = (high | high << 12) & 0x000F000F000F000FU;
    high = (high | high << 6) & 0x0303030303030303U;
    return subtract_from_bytes(lane_of_pairs(low | high << 4), 32);
  }
};

/// No sub-scales: groups are as large as products allow.
struct WholeBlock {
  static constexpr std::size_t kGroupValues = 128;
  static constexpr bool kHasMin = false;
  static Lane scales(const Byte* /*block*/) { return lane_of_pairs(0x0101010101010101U); }
};

struct Q8K : WholeBlock {
  static constexpr std::size_t kBytes = 292;
  static constexpr int kBias = 128;

  template <int kQuarter>
  static Int quants(const Byte* block) {
    return bit_xor(load(block + 4 + 64 * kQuarter), all_bytes(-128));
  }
  static float scale(const Byte* block) {
    float d;
    __builtin_memcpy(&d, block, sizeof d);
    return d;
  }
};

struct Tq10 : WholeBlock {
  static constexpr int kBias = 1;
  static constexpr std::size_t kBytes = 54;
  static constexpr std::size_t kScaleOffset = 52;

  /// Digit n of a byte is the integer part of 3 / 256 times the low byte of 3^n times it.
  template <int kQuarter>
  static Int quants(const Byte* block) {
    constexpr std::uint64_t kPowers[] = {0x0101010101010101U, 0x0303030303030303U, 0x0909090909090909U,
                                         0x1B1B1B1B1B1B1B1BU, 0x5151515151515151U};
    const auto power = [&](int n) { return lane_of(kPowers[n], kPowers[n]); };
    if constexpr (kQuarter < 2)
      return digits(load_twice(block), join_lanes(power(2 * kQuarter), power(2 * kQuarter), power(2 * kQuarter + 1),
                                                  power(2 * kQuarter + 1)));
    const Lane third = load_lane(block + 32);
    if constexpr (kQuarter == 2)
      return digits(join_lanes(load_lane(block), load_lane(block + 16), third, third),
                    join_lanes(power(4), power(4), power(0), power(1)));
    // The last four bytes have four digits.
    const std::uint64_t last = load_double_word(block + 48);
    const Lane lasts = lane_of(last << 32 | last, last << 32 | last);
    const Lane powers = lane_of(0x0303030301010101U, 0x1B1B1B1B09090909U);
    return digits(join_lanes(third, third, third, lasts), join_lanes(power(2), power(3), power(4), powers));
  }
  static Int digits(Int bytes, Int powers) {
    const Int fractions = times_bytes(bytes, powers);
    return add_bytes(ones_from(fractions, 86), ones_from(fractions, 171));
  }
};

struct Tq20 : WholeBlock {
  static constexpr int kBias = 1;
  static constexpr std::size_t kBytes = 66;
  static constexpr std::size_t kScaleOffset = 64;

  template <int kQuarter>
  static Int quants(const Byte* block) {
    constexpr int kShift = 4 * (kQuarter % 2);
    return move_bits<kShift, kShift + 2>(load_twice(block + 32 * (kQuarter / 2)), 3);
  }
};

}  // namespace
}  // namespace assay::kernels
