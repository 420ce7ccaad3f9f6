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

inline const std::uint8_t* as_bytes(const std::byte* field) { return reinterpret_cast<const std::uint8_t*>(field); }
inline const std::int8_t* as_signed_bytes(const std::byte* field) {
  return reinterpret_cast<const std::int8_t*>(field);
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

/// The eight 6-bit scales and eight 6-bit minimums of Q4_K and Q5_K in 12 bytes. For j in 0..3:
///   byte j      bits 0-5 scale[j],      bits 6-7 upper two bits of scale[j + 4]
///   byte j + 4  bits 0-5 min[j],        bits 6-7 upper two bits of min[j + 4]
///   byte j + 8  bits 0-3 lower four bits of scale[j + 4],  bits 4-7 lower four bits of min[j + 4]
inline void unpack_scales_and_mins(const std::byte* field, std::int16_t* scale, std::int16_t* min) {
  const std::uint8_t* packed = as_bytes(field);
  for (int j = 0; j < 4; ++j) {
    scale[j] = static_cast<std::int16_t>(packed[j] & 63);
    min[j] = static_cast<std::int16_t>(packed[j + 4] & 63);
    scale[j + 4] = static_cast<std::int16_t>((packed[j + 8] & 15) | (packed[j] >> 6) << 4);
    min[j + 4] = static_cast<std::int16_t>(packed[j + 8] >> 4 | (packed[j + 4] >> 6) << 4);
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
constexpr Type quantized_type(std::uint32_t id, std::string_view name) {
  return {id,
          name,
          block_values,
          block_bytes,
          decode_blocks<take_apart, block_values, block_bytes, float>,
          decode_blocks<take_apart, block_values, block_bytes, double>,
          take_apart};
}

}  // namespace assay::quant
