// What the types' files share: reading fields of a block, the packed 6-bit scales, and decoding by the block formula.
// Only files of this room include it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "quant/half.h"
#include "quant/type.h"

static_assert(std::endian::native == std::endian::little,
              "blocks are read in place as the little-endian bytes of the file");

namespace assay::quant {

inline float load_half(const std::byte* field) {
  std::uint16_t half = 0;
  std::memcpy(&half, field, sizeof half);
  return half_to_float(half);
}

inline void store_half(float value, std::byte* field) {
  const std::uint16_t half = float_to_half(value);
  std::memcpy(field, &half, sizeof half);
}

/// What a field of 16 bits makes of a value.
inline float round_to_half(float value) { return half_to_float(float_to_half(value)); }

inline std::uint8_t* as_bytes(std::byte* field) { return reinterpret_cast<std::uint8_t*>(field); }
inline const std::uint8_t* as_bytes(const std::byte* field) { return reinterpret_cast<const std::uint8_t*>(field); }
inline const std::int8_t* as_signed_bytes(const std::byte* field) {
  return reinterpret_cast<const std::int8_t*>(field);
}

/// Begins a block of `values` values d * quant.
[[gnu::always_inline]] inline void start_block(float d, int values, BlockIntegers& integers) {
  integers.d = d;
  integers.dmin = 0;
  integers.group_values = values;
  integers.scale[0] = 1;
  integers.min[0] = 0;
}

/// Begins a block of `values` values d * quant + m.
[[gnu::always_inline]] inline void start_block(float d, float m, int values, BlockIntegers& integers) {
  start_block(d, values, integers);
  integers.dmin = m;
  integers.min[0] = -1;
}

/// The 32 quants of Q5_0 and Q5_1, plus `bias`: 4 bytes of fifth bits (bit i of the word belongs to value i), then 16
/// bytes of nibbles (value i in the low nibble of byte i, value i + 16 in its high nibble).
[[gnu::always_inline]] inline void unpack_five_bits(const std::byte* field, int bias, std::int16_t* quant) {
  constexpr std::uint8_t kBit[8] = {1, 2, 4, 8, 16, 32, 64, 128};
  const std::uint8_t* fifth = as_bytes(field);
  const std::uint8_t* nibbles = as_bytes(field + 4);
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 8; ++i) {
      const int low = (fifth[half] & kBit[i]) != 0 ? 16 : 0;
      const int high = (fifth[half + 2] & kBit[i]) != 0 ? 16 : 0;
      quant[8 * half + i] = static_cast<std::int16_t>((nibbles[8 * half + i] & 15) + low + bias);
      quant[8 * half + i + 16] = static_cast<std::int16_t>((nibbles[8 * half + i] >> 4) + high + bias);
    }
  }
}

/// The other way round: quants 0 .. 31 after adding `bias`.
inline void pack_five_bits(const std::int16_t* quant, int bias, std::byte* field) {
  std::uint32_t fifth = 0;
  for (int i = 0; i < 16; ++i) {
    const auto low = static_cast<std::uint32_t>(quant[i] + bias);
    const auto high = static_cast<std::uint32_t>(quant[i + 16] + bias);
    as_bytes(field + 4)[i] = static_cast<std::uint8_t>((low & 15) | (high & 15) << 4);
    fifth |= (low >> 4 & 1) << i | (high >> 4 & 1) << (i + 16);
  }
  std::memcpy(field, &fifth, sizeof fifth);
}

/// 32 quants 0 .. 15 after adding `bias` in 16 bytes: value i in the low nibble of byte i, value i + 16 in its high
/// one.
inline void pack_nibbles(const std::int16_t* quant, int bias, std::byte* field) {
  for (int i = 0; i < 16; ++i)
    as_bytes(field)[i] = static_cast<std::uint8_t>((quant[i] + bias) | (quant[i + 16] + bias) << 4);
}

/// The other way round: quant_of(nibble) is the quant.
template <typename QuantOf>
[[gnu::always_inline]] inline void unpack_nibbles(const std::byte* field, QuantOf quant_of, std::int16_t* quant) {
  for (int i = 0; i < 16; ++i) {
    quant[i] = static_cast<std::int16_t>(quant_of(as_bytes(field)[i] & 15));
    quant[i + 16] = static_cast<std::int16_t>(quant_of(as_bytes(field)[i] >> 4));
  }
}

/// 256 quants 0 .. 3 in 64 bytes: value 128 h + 32 s + l is bits 2s, 2s + 1 of byte 32 h + l   (h 0..1, s 0..3, l
/// 0..31). `two_bits` says them of value i.
template <typename TwoBits>
void pack_two_bits(TwoBits two_bits, std::byte* field) {
  for (int half = 0; half < 2; ++half) {
    for (int l = 0; l < 32; ++l) {
      int packed = 0;
      for (int s = 0; s < 4; ++s) packed |= two_bits(128 * half + 32 * s + l) << (2 * s);
      as_bytes(field)[32 * half + l] = static_cast<std::uint8_t>(packed);
    }
  }
}

/// The eight 6-bit scales and eight 6-bit minimums of Q4_K and Q5_K in 12 bytes. For j in 0..3:
///   byte j      bits 0-5 scale[j],      bits 6-7 upper two bits of scale[j + 4]
///   byte j + 4  bits 0-5 min[j],        bits 6-7 upper two bits of min[j + 4]
///   byte j + 8  bits 0-3 lower four bits of scale[j + 4],  bits 4-7 lower four bits of min[j + 4]
inline void unpack_scales_and_mins(const std::byte* field, std::int32_t* scale, std::int32_t* min) {
  const std::uint8_t* packed = as_bytes(field);
  for (int j = 0; j < 4; ++j) {
    scale[j] = packed[j] & 63;
    min[j] = packed[j + 4] & 63;
    scale[j + 4] = (packed[j + 8] & 15) | (packed[j] >> 6) << 4;
    min[j + 4] = packed[j + 8] >> 4 | (packed[j + 4] >> 6) << 4;
  }
}

inline void pack_scales_and_mins(const std::int32_t* scale, const std::int32_t* min, std::byte* field) {
  std::uint8_t* packed = as_bytes(field);
  for (int j = 0; j < 4; ++j) {
    packed[j] = static_cast<std::uint8_t>(scale[j] | (scale[j + 4] >> 4) << 6);
    packed[j + 4] = static_cast<std::uint8_t>(min[j] | (min[j + 4] >> 4) << 6);
    packed[j + 8] = static_cast<std::uint8_t>((scale[j + 4] & 15) | (min[j + 4] & 15) << 4);
  }
}

/// The block formula in the arithmetic of Real: (d * scale) * quant - dmin * min. In float32 this is the reference's
/// order for every type: a scale of 1, a minimum of 0 and a minimum of -1 leave its operations as they are.
template <typename Real>
[[gnu::always_inline]] inline void evaluate(const BlockIntegers& integers, int block_values, Real* values) {
  const int group_values = integers.group_values;
  for (int group = 0; group * group_values < block_values; ++group) {
    const Real scale = static_cast<Real>(integers.d) * static_cast<Real>(integers.scale[group]);
    const Real min = static_cast<Real>(integers.dmin) * static_cast<Real>(integers.min[group]);
    const std::int16_t* quant = integers.quant + group * group_values;
    Real* out = values + group * group_values;
    for (int i = 0; i < group_values; ++i) out[i] = scale * static_cast<Real>(quant[i]) - min;
  }
}

/// Type::decode (Real = float) and Type::decode_exact (Real = double) of a quantized type. A block of 32 values is too
/// small for a call: its take_apart is always inlined here, which also keeps its integers out of memory.
template <auto take_apart, int block_values, int block_bytes, typename Real>
void decode_blocks(const std::byte* blocks, std::size_t block_count, Real* values) {
  BlockIntegers integers;
  for (std::size_t block = 0; block < block_count; ++block) {
    take_apart(blocks + block * block_bytes, integers);
    evaluate(integers, block_values, values + block * block_values);
  }
}

/// The entry of a quantized type in the list.
template <auto take_apart, int block_values, int block_bytes>
constexpr Type quantized_type(std::uint32_t id, std::string_view name, decltype(Type::encode) encode) {
  return {id,
          name,
          block_values,
          block_bytes,
          decode_blocks<take_apart, block_values, block_bytes, float>,
          decode_blocks<take_apart, block_values, block_bytes, double>,
          take_apart,
          encode};
}

}  // namespace assay::quant
