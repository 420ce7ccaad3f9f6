// How Q2_K, Q3_K, Q4_K, Q5_K and Q6_K unpack, for products, panels and rows in float64. Their layouts stand at the head
// of src/quant/q*_k.cc.
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
  static constexpr bool kHasMin = true;

  template <int kQuarter>
  static Int quants(const Byte* block) {
    return move_bits<0, 4>(load_twice(block + 16 + 32 * kQuarter), 15);
  }
  static Lane scales(const Byte* block) { return SixBitFields::scales(block + 4); }
  static Lane mins(const Byte* block) { return SixBitFields::mins(block + 4); }
};

struct Q5K {
  static constexpr std::size_t kBytes = 176;
  static constexpr std::size_t kScaleOffset = 0;
  static constexpr std::size_t kGroupValues = 32;
  static constexpr int kBias = 0;
  static constexpr bool kHasMin = true;

  template <int kQuarter>
  static Int quants(const Byte* block) {
    const Int low = move_bits<0, 4>(load_twice(block + 48 + 32 * kQuarter), 15);
    return bit_or(low, move_bits<2 * kQuarter - 4, 2 * kQuarter - 3>(load_twice(block + 16), 16));
  }
  static Lane scales(const Byte* block) { return SixBitFields::scales(block + 4); }
  static Lane mins(const Byte* block) { return SixBitFields::mins(block + 4); }
};

struct Q6K {
  static constexpr std::size_t kBytes = 210;
  static constexpr std::size_t kScaleOffset = 208;
  static constexpr std::size_t kGroupValues = 16;
  static constexpr int kBias = 32;
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

}  // namespace
}  // namespace assay::kernels
