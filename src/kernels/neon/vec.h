// 64 bytes of integers or floats as four registers of NEON. The names and what they do: kernels/avx512/vec.h and, for
// one lane of 16 bytes, kernels/x86/lane.h; what only products of words need is not here (kernels/neon/product.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include <arm_neon.h>

namespace assay::kernels {
namespace {

using Lane = uint8x16_t;
struct Int {
  uint8x16_t part[4];
};
struct Float {
  float32x4_t part[4];
};

/// Tiles of float products: 64 lanes of one sum are 16 of 32 registers.
inline constexpr std::size_t kDotRowsAlone = 1;
inline constexpr std::size_t kDotRows = 2;
inline constexpr std::size_t kDotTokens = 2;
/// Lanes of a register, and the tile of packed products (generic/float_block.h).
inline constexpr std::size_t kPartLanes = 4;
inline constexpr std::size_t kFewestPackedBytes = 8;  // none: no such CPU was at hand to time them
inline constexpr std::size_t kPartRows = 4;
inline constexpr std::size_t kPartTokens = 6;
/// The tile of a panel's product (generic/panel.h): 16 registers hold its sums.
inline constexpr std::size_t kPanelsAtOnce = 1;
inline constexpr std::size_t kPanelTokens = 4;
// Sums in float64 that its registers hold.
inline constexpr std::size_t kExactRows = 2;

/// A vector made of its parts by function(part number).
template <typename Vector, typename Function>
inline Vector by_parts(Function function) {
  Vector result;
  for (std::size_t i = 0; i < sizeof(result.part) / sizeof(result.part[0]); ++i) result.part[i] = function(i);
  return result;
}
inline int32x4_t ints(uint8x16_t a) { return vreinterpretq_s32_u8(a); }
inline uint8x16_t bytes(int32x4_t a) { return vreinterpretq_u8_s32(a); }

// One lane.

inline Lane load_lane(const void* p) { return vld1q_u8(static_cast<const std::uint8_t*>(p)); }
inline Lane lane_of(std::uint64_t low, std::uint64_t high) {
  return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
}
inline Lane lane_of_turns(std::uint64_t a, std::uint64_t b) { return vzip1q_u8(lane_of(a, 0), lane_of(b, 0)); }
inline Lane lane_of_pairs(std::uint64_t eight_bytes) { return lane_of_turns(eight_bytes, eight_bytes); }
template <int kCount>
inline Lane shifted_bytes(Lane a, int mask) {
  if constexpr (kCount > 0) a = vshrq_n_u8(a, kCount);
  if constexpr (kCount < 0) a = vshlq_n_u8(a, -kCount);
  return vandq_u8(a, vdupq_n_u8(static_cast<std::uint8_t>(mask)));
}
inline Lane subtract_from_bytes(Lane a, int value) { return vsubq_u8(a, vdupq_n_u8(static_cast<std::uint8_t>(value))); }
inline std::uint64_t words_of_bytes(std::uint32_t bytes) {
  return vgetq_lane_u64(vreinterpretq_u64_u16(vmovl_u8(vcreate_u8(bytes))), 0);
}
template <int kBits>
inline std::uint64_t upper_bytes_of_words(std::uint64_t fields) {
  std::uint64_t words = 0;
  for (int i = 0; i < 4; ++i) words |= (fields >> (kBits * i) & ((1U << kBits) - 1)) << (16 * i + 8);
  return words;
}
inline std::uint64_t bytes_of_sevens(std::uint64_t fields) {
  std::uint64_t bytes = 0;
  for (int i = 0; i < 8; ++i) bytes |= (fields >> (7 * i) & 127) << (8 * i);
  return bytes;
}
inline std::uint64_t bytes_of_upper_sevens(std::uint64_t first, std::uint64_t second) {
  const uint16x8_t words = vreinterpretq_u16_u8(lane_of(first, second));
  return vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(vshrq_n_u16(words, 9))), 0);
}
inline std::uint64_t bytes_of_threes(std::uint32_t two_words) {
  const std::uint64_t apart = (two_words & 0x0FFF) | (std::uint64_t{two_words} & 0x0FFF0000) << 16;
  return (apart & 0x0000000700000007U) | (apart << 5 & 0x0000070000000700U) | (apart << 10 & 0x0007000000070000U) |
         (apart << 15 & 0x0700000007000000U);
}
inline std::uint64_t bytes_of_top_bits(std::uint32_t nibbles) {
  std::uint64_t bits = nibbles >> 3;
  bits = (bits | bits << 16) & 0x0000FFFF0000FFFFU;
  bits = (bits | bits << 8) & 0x00FF00FF00FF00FFU;
  return (bits | bits << 4) & 0x0101010101010101U;
}
inline std::uint16_t word_of_top_nibbles(std::uint64_t words) {
  words = words >> 12 & 0x000F000F000F000FU;
  return static_cast<std::uint16_t>(words | words >> 12 | words >> 24 | words >> 36);
}
inline std::uint64_t top_nibbles_of_words(const void* p) {
  return vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(vshrq_n_u16(vreinterpretq_u16_u8(load_lane(p)), 12))), 0);
}
/// The upper nibbles of eight fields of kBytes bytes.
template <int kBytes>
inline std::uint64_t top_nibbles(const void* p) {
  const auto* bytes = static_cast<const std::uint8_t*>(p);
  std::uint64_t nibbles = 0;
  for (int i = 0; i < 8; ++i) nibbles |= std::uint64_t{bytes[kBytes * i + kBytes - 1]} >> 4 << (8 * i);
  return nibbles;
}
inline float float_of_half(std::uint16_t half) {
  return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half))), 0);
}

// Integers.

inline Int all_bytes(int value) {
  return by_parts<Int>([&](std::size_t) { return vdupq_n_u8(static_cast<std::uint8_t>(value)); });
}
inline Int all_ints(std::int32_t value) {
  return by_parts<Int>([&](std::size_t) { return bytes(vdupq_n_s32(value)); });
}
inline Int zero() { return all_bytes(0); }
inline Int load(const void* p) {
  return by_parts<Int>([&](std::size_t i) { return vld1q_u8(static_cast<const std::uint8_t*>(p) + 16 * i); });
}
inline Int load_twice(const void* p) {
  return by_parts<Int>([&](std::size_t i) { return vld1q_u8(static_cast<const std::uint8_t*>(p) + 16 * (i % 2)); });
}
inline Int bit_and(const Int& a, const Int& b) {
  return by_parts<Int>([&](std::size_t i) { return vandq_u8(a.part[i], b.part[i]); });
}
inline Int bit_or(const Int& a, const Int& b) {
  return by_parts<Int>([&](std::size_t i) { return vorrq_u8(a.part[i], b.part[i]); });
}
inline Int bit_xor(const Int& a, const Int& b) {
  return by_parts<Int>([&](std::size_t i) { return veorq_u8(a.part[i], b.part[i]); });
}
inline Int subtract_bytes(const Int& a, const Int& b) {
  return by_parts<Int>([&](std::size_t i) { return vsubq_u8(a.part[i], b.part[i]); });
}
inline Int add_bytes(const Int& a, const Int& b) {
  return by_parts<Int>([&](std::size_t i) { return vaddq_u8(a.part[i], b.part[i]); });
}
inline Int times_bytes(const Int& a, const Int& b) {
  return by_parts<Int>([&](std::size_t i) { return vmulq_u8(a.part[i], b.part[i]); });
}
inline Int ones_from(const Int& a, int threshold) {
  const uint8x16_t from = vdupq_n_u8(static_cast<std::uint8_t>(threshold));
  return by_parts<Int>([&](std::size_t i) { return vshrq_n_u8(vcgeq_u8(a.part[i], from), 7); });
}
inline Int negative_where(const Int& a, std::uint64_t bits) {
  const uint8x16_t own_bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  return by_parts<Int>([&](std::size_t i) {
    const auto byte = [&](std::size_t at) { return vdup_n_u8(static_cast<std::uint8_t>(bits >> (8 * at))); };
    const uint8x16_t found = vtstq_u8(vcombine_u8(byte(2 * i), byte(2 * i + 1)), own_bit);
    return vsubq_u8(veorq_u8(a.part[i], found), found);
  });
}
inline Int look_up(Lane table, const Int& index) {
  return by_parts<Int>([&](std::size_t i) { return vqtbl1q_u8(table, index.part[i]); });
}
inline Int join_lanes(Lane a, Lane b, Lane c, Lane d) { return {{a, b, c, d}}; }
inline Int nibbles_by_lane(const void* p) {
  const Lane first = load_lane(p);
  const Lane second = load_lane(static_cast<const std::uint8_t*>(p) + 16);
  const Lane mask = vdupq_n_u8(15);
  return {{vandq_u8(first, mask), vshrq_n_u8(first, 4), vandq_u8(second, mask), vshrq_n_u8(second, 4)}};
}
inline Int nibbles_by_eights(const void* p) {
  const auto wide = [](Lane a) { return vreinterpretq_u64_u8(a); };
  const Int by_lane = nibbles_by_lane(p);
  const auto pair = [&](std::size_t i) {
    const uint64x2_t low = wide(by_lane.part[i]);
    const uint64x2_t high = wide(by_lane.part[i + 1]);
    return uint8x16x2_t{{vreinterpretq_u8_u64(vzip1q_u64(low, high)), vreinterpretq_u8_u64(vzip2q_u64(low, high))}};
  };
  return {{pair(0).val[0], pair(0).val[1], pair(2).val[0], pair(2).val[1]}};
}
inline Int entries_of_eight(const std::uint64_t* entries, std::uint64_t first, std::uint64_t second) {
  return by_parts<Int>([&](std::size_t i) {
    const std::uint64_t words = (i < 2 ? first : second) >> (32 * (i % 2));
    return lane_of(entries[words & 0xFFFF], entries[words >> 16 & 0xFFFF]);
  });
}
inline Int entries_of_four(const std::uint32_t* entries, const void* low, std::uint32_t upper) {
  const auto* bytes = static_cast<const std::uint8_t*>(low);
  return by_parts<Int>([&](std::size_t part) {
    const auto entry = [&](std::size_t i) { return entries[bytes[4 * part + i] | (upper >> (4 * part + i) & 1) << 8]; };
    return vreinterpretq_u8_u32(uint32x4_t{entry(0), entry(1), entry(2), entry(3)});
  });
}
inline Int add_ints(const Int& a, const Int& b) {
  return by_parts<Int>([&](std::size_t i) { return bytes(vaddq_s32(ints(a.part[i]), ints(b.part[i]))); });
}
inline Int subtract_ints(const Int& a, const Int& b) {
  return by_parts<Int>([&](std::size_t i) { return bytes(vsubq_s32(ints(a.part[i]), ints(b.part[i]))); });
}
inline Int max_ints(const Int& a, const Int& b) {
  return by_parts<Int>([&](std::size_t i) { return bytes(vmaxq_s32(ints(a.part[i]), ints(b.part[i]))); });
}
template <int kCount>
inline Int shift_ints_left(const Int& a) {
  return by_parts<Int>([&](std::size_t i) { return bytes(vshlq_n_s32(ints(a.part[i]), kCount)); });
}
template <int kCount>
inline Int shift_ints_right(const Int& a) {
  return by_parts<Int>([&](std::size_t i) { return bytes(vshrq_n_s32(ints(a.part[i]), kCount)); });
}
template <int kLow, int kHigh>
inline Int move_bits(const Int& a, int mask) {
  return {{shifted_bytes<kLow>(a.part[0], mask), shifted_bytes<kLow>(a.part[1], mask),
           shifted_bytes<kHigh>(a.part[2], mask), shifted_bytes<kHigh>(a.part[3], mask)}};
}
template <int kLane>
inline Lane lane(const Int& a) {
  return a.part[kLane];
}
/// 16 signed bytes.
inline Int widen_signed_to_ints(Lane a) {
  const int16x8_t low = vmovl_s8(vget_low_s8(vreinterpretq_s8_u8(a)));
  const int16x8_t high = vmovl_high_s8(vreinterpretq_s8_u8(a));
  return {{bytes(vmovl_s16(vget_low_s16(low))), bytes(vmovl_high_s16(low)), bytes(vmovl_s16(vget_low_s16(high))),
           bytes(vmovl_high_s16(high))}};
}
/// sum + a * b
inline Int add_products_of_ints(const Int& sum, const Int& a, const Int& b) {
  return by_parts<Int>(
      [&](std::size_t i) { return bytes(vmlaq_s32(ints(sum.part[i]), ints(a.part[i]), ints(b.part[i]))); });
}
inline Int add_products_of_ints(const Int& sum, const Int& a, std::int32_t b) {
  return by_parts<Int>([&](std::size_t i) { return bytes(vmlaq_n_s32(ints(sum.part[i]), ints(a.part[i]), b)); });
}
/// Four vectors' int i to four vectors.
inline void transpose_four(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d, Int* columns, std::size_t part) {
  const auto pairs = [](int32x4_t low, int32x4_t high) {
    return int32x4x2_t{{vtrn1q_s32(low, high), vtrn2q_s32(low, high)}};
  };
  const int32x4x2_t ab = pairs(a, b);
  const int32x4x2_t cd = pairs(c, d);
  const auto wide = [](int32x4_t x) { return vreinterpretq_s64_s32(x); };
  for (std::size_t i = 0; i < 2; ++i) {
    columns[i].part[part] = vreinterpretq_u8_s64(vtrn1q_s64(wide(ab.val[i]), wide(cd.val[i])));
    columns[i + 2].part[part] = vreinterpretq_u8_s64(vtrn2q_s64(wide(ab.val[i]), wide(cd.val[i])));
  }
}
inline void transpose_ints(const Int* rows, Int* columns) {
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < 4; ++j)
      transpose_four(ints(rows[4 * i].part[j]), ints(rows[4 * i + 1].part[j]), ints(rows[4 * i + 2].part[j]),
                     ints(rows[4 * i + 3].part[j]), columns + 4 * j, i);
}
inline std::int32_t total(const Int& a) {
  return vaddvq_s32(
      vaddq_s32(vaddq_s32(ints(a.part[0]), ints(a.part[1])), vaddq_s32(ints(a.part[2]), ints(a.part[3]))));
}
inline std::int32_t largest(const Int& a) {
  return vmaxvq_s32(
      vmaxq_s32(vmaxq_s32(ints(a.part[0]), ints(a.part[1])), vmaxq_s32(ints(a.part[2]), ints(a.part[3]))));
}
inline void store_bytes(const Int& a, void* p) {
  // Every fourth byte, by keeping every second one twice.
  const uint8x16_t low = vuzp1q_u8(a.part[0], a.part[1]);
  const uint8x16_t high = vuzp1q_u8(a.part[2], a.part[3]);
  vst1q_u8(static_cast<std::uint8_t*>(p), vuzp1q_u8(low, high));
}

/// 16 bytes of a plane of activations, less 128 where they are unsigned.
inline int8x16_t signed_plane(const std::int8_t* p) { return vld1q_s8(p); }
inline int8x16_t signed_plane(const std::uint8_t* p) {
  return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(p), vdupq_n_u8(128)));
}

// Floats.

inline Float all_floats(float value) {
  return by_parts<Float>([&](std::size_t) { return vdupq_n_f32(value); });
}
inline Float load_floats(const float* p) {
  return by_parts<Float>([&](std::size_t i) { return vld1q_f32(p + 4 * i); });
}
inline void store_floats(const Float& a, float* p) {
  for (std::size_t i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.part[i]);
}
using Part = float32x4_t;
inline Part zero_part() { return vdupq_n_f32(0); }
inline Part load_part(const float* p) { return vld1q_f32(p); }
inline void store_part(Part a, float* p) { vst1q_f32(p, a); }
inline Part add_parts(Part a, Part b) { return vaddq_f32(a, b); }
inline Part fused_part(Part a, Part b, Part c) { return vfmaq_f32(c, a, b); }
inline Float load_halves(const std::uint16_t* p) {
  return by_parts<Float>([&](std::size_t i) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))); });
}
inline Float load_bfloats(const std::uint16_t* p) {
  return by_parts<Float>([&](std::size_t i) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)); });
}
inline void store_halves(const Float& a, std::uint16_t* p) {
  for (std::size_t i = 0; i < 4; ++i) vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(a.part[i])));
}
inline Float add(const Float& a, const Float& b) {
  return by_parts<Float>([&](std::size_t i) { return vaddq_f32(a.part[i], b.part[i]); });
}
inline Float subtract(const Float& a, const Float& b) {
  return by_parts<Float>([&](std::size_t i) { return vsubq_f32(a.part[i], b.part[i]); });
}
inline Float multiply(const Float& a, const Float& b) {
  return by_parts<Float>([&](std::size_t i) { return vmulq_f32(a.part[i], b.part[i]); });
}
inline Float divide(const Float& a, const Float& b) {
  return by_parts<Float>([&](std::size_t i) { return vdivq_f32(a.part[i], b.part[i]); });
}
inline Float fused(const Float& a, const Float& b, const Float& c) {
  return by_parts<Float>([&](std::size_t i) { return vfmaq_f32(c.part[i], a.part[i], b.part[i]); });
}
inline Float fused_negative(const Float& a, const Float& b, const Float& c) {
  return by_parts<Float>([&](std::size_t i) { return vfmsq_f32(c.part[i], a.part[i], b.part[i]); });
}
// Not vmaxq and vminq: b where either is NaN.
inline Float max(const Float& a, const Float& b) {
  return by_parts<Float>(
      [&](std::size_t i) { return vbslq_f32(vcgtq_f32(a.part[i], b.part[i]), a.part[i], b.part[i]); });
}
inline Float min(const Float& a, const Float& b) {
  return by_parts<Float>(
      [&](std::size_t i) { return vbslq_f32(vcltq_f32(a.part[i], b.part[i]), a.part[i], b.part[i]); });
}
inline Int bits_of(const Float& a) {
  return by_parts<Int>([&](std::size_t i) { return vreinterpretq_u8_f32(a.part[i]); });
}
inline Float floats_of(const Int& a) {
  return by_parts<Float>([&](std::size_t i) { return vreinterpretq_f32_u8(a.part[i]); });
}
inline Int round_to_ints(const Float& a) {
  return by_parts<Int>([&](std::size_t i) { return bytes(vcvtnq_s32_f32(a.part[i])); });
}
inline Float to_floats(const Int& a) {
  return by_parts<Float>([&](std::size_t i) { return vcvtq_f32_s32(ints(a.part[i])); });
}
inline float total(const Float& a) {
  const float32x4_t four = vaddq_f32(vaddq_f32(a.part[0], a.part[2]), vaddq_f32(a.part[1], a.part[3]));
  return vpadds_f32(vadd_f32(vget_low_f32(four), vget_high_f32(four)));
}
inline Float float_totals(const Float* v) {
  const auto four = [&](std::size_t i) {  // lanes i + (i + 8), then + (i + 4)
    return vaddq_f32(vaddq_f32(v[i].part[0], v[i].part[2]), vaddq_f32(v[i].part[1], v[i].part[3]));
  };
  const auto pairs = [&](std::size_t i) {  // of two vectors: lanes i + (i + 2)
    const float64x2_t a = vreinterpretq_f64_f32(four(i));
    const float64x2_t b = vreinterpretq_f64_f32(four(i + 1));
    return vaddq_f32(vreinterpretq_f32_f64(vzip1q_f64(a, b)), vreinterpretq_f32_f64(vzip2q_f64(a, b)));
  };
  return by_parts<Float>([&](std::size_t part) {
    const float32x4_t low = pairs(4 * part);
    const float32x4_t high = pairs(4 * part + 2);
    return vaddq_f32(vuzp1q_f32(low, high), vuzp2q_f32(low, high));
  });
}

// Doubles.

struct Doubles {
  float64x2_t part[8];
};
inline Doubles all_doubles(double value) {
  return by_parts<Doubles>([&](std::size_t) { return vdupq_n_f64(value); });
}
inline Doubles load_doubles(const double* p) {
  return by_parts<Doubles>([&](std::size_t i) { return vld1q_f64(p + 2 * i); });
}
inline void store_doubles(const Doubles& a, double* p) {
  for (std::size_t i = 0; i < 8; ++i) vst1q_f64(p + 2 * i, a.part[i]);
}
inline Doubles add(const Doubles& a, const Doubles& b) {
  return by_parts<Doubles>([&](std::size_t i) { return vaddq_f64(a.part[i], b.part[i]); });
}
inline Doubles multiply(const Doubles& a, const Doubles& b) {
  return by_parts<Doubles>([&](std::size_t i) { return vmulq_f64(a.part[i], b.part[i]); });
}
inline Doubles fused_subtract(const Doubles& a, const Doubles& b, const Doubles& c) {
  return by_parts<Doubles>([&](std::size_t i) { return vfmaq_f64(vnegq_f64(c.part[i]), a.part[i], b.part[i]); });
}
inline Doubles doubles_of(const Float& a) {
  return by_parts<Doubles>([&](std::size_t i) {
    return i % 2 == 0 ? vcvt_f64_f32(vget_low_f32(a.part[i / 2])) : vcvt_high_f64_f32(a.part[i / 2]);
  });
}
inline Doubles doubles_of_signed_bytes(Lane a) { return doubles_of(to_floats(widen_signed_to_ints(a))); }
inline double total(const Doubles& a) {
  float64x2_t four[4];
  for (std::size_t i = 0; i < 4; ++i) four[i] = vaddq_f64(a.part[i], a.part[i + 4]);
  return vpaddd_f64(vaddq_f64(vaddq_f64(four[0], four[2]), vaddq_f64(four[1], four[3])));
}

}  // namespace
}  // namespace assay::kernels
