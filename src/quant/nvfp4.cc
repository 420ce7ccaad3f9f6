// NVFP4: 64 values in 36 bytes, 4.5 bits a value. NVIDIA 2025, Pretraining Large Language Models with NVFP4, arXiv
// 2509.25149: the elements of MXFP4, and for every 16 of them a scale of 4 exponent and 3 fraction bits (E4M3). Files
// have one more factor a tensor, in a tensor of its own ("blk.0.ffn_up.scale"), which is not in these values.
//
//   0  4 bytes: e, one for every 16 values; bit 7 means nothing
//   4  32 bytes, 8 for every 16 values: value i in the low nibble of byte i, value i + 8 in its high nibble
//
//   value = scale / 2 * doubled[nibble]: the elements are doubled to be integers
//   scale = fraction * 2^-9 where the exponent is 0, (8 + fraction) * 2^(exponent - 10) elsewhere; 0 for 0x7F
#include <cmath>

#include "quant/e2m1.h"
#include "quant/encode.h"

namespace assay::quant {
namespace {

constexpr int kGroupValues = 16;
constexpr int kGroups = 4;
constexpr int kBlockBytes = 36;
constexpr float kUnit = 0x1p-10F;  // of scales, halved

/// Half of what a byte says, in units.
int scale_of(std::uint8_t byte) {
  const int exponent = byte >> 3 & 15;
  const int fraction = byte & 7;
  if (byte == 0x7F) return 0;
  return exponent == 0 ? fraction : (8 + fraction) << (exponent - 1);
}

[[gnu::always_inline]] inline void take_apart(const std::byte* block, BlockIntegers& integers) {
  integers.d = kUnit;
  integers.dmin = 0;
  integers.group_values = kGroupValues;
  for (int group = 0; group < kGroups; ++group) {
    integers.scale[group] = scale_of(as_bytes(block)[group]);
    integers.min[group] = 0;
    const std::uint8_t* nibbles = as_bytes(block + 4 + 8 * group);
    std::int16_t* quant = integers.quant + kGroupValues * group;
    for (int i = 0; i < 8; ++i) {
      quant[i] = kDoubledE2M1[nibbles[i] & 15];
      quant[i + 8] = kDoubledE2M1[nibbles[i] >> 4];
    }
  }
}

/// The byte for a scale, as the reference rounds: ties away from zero, and from 248 on always to 448 (0x7E).
std::uint8_t byte_of(float scale) {
  if (!(scale > 0)) return 0;
  if (scale < 0x1p-6F) return static_cast<std::uint8_t>(std::min(7, static_cast<int>(scale * 512 + 0.5F)));
  // The exponent and the upper four bits of the fraction, of which the last rounds.
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(scale) >> 19;
  const std::uint32_t rounded = (bits + 1) >> 1;
  constexpr std::uint32_t kSmallestExponent = 120;  // 2^-7 is exponent 0
  const std::uint32_t byte = rounded - (kSmallestExponent << 3);
  return static_cast<std::uint8_t>(byte < 0x78 ? byte : 0x7E);
}

void encode(const float* row, std::size_t width, const float* /*importance*/, std::byte* blocks) {
  for (; width != 0; width -= 64, blocks += kBlockBytes) {
    for (int group = 0; group < kGroups; ++group, row += kGroupValues) {
      float largest = 0;
      for (int i = 0; i < kGroupValues; ++i) largest = std::max(largest, absolute(row[i]));
      const std::uint8_t byte = byte_of(largest / 6);  // 6 is the largest element
      const float scale = kUnit * static_cast<float>(scale_of(byte));
      as_bytes(blocks)[group] = byte;
      for (int i = 0; i < 8; ++i) {
        as_bytes(blocks + 4 + 8 * group)[i] =
            static_cast<std::uint8_t>(nearest_e2m1(row[i], scale) | nearest_e2m1(row[i + 8], scale) << 4);
      }
    }
  }
}

}  // namespace

extern constinit const Type nvfp4 = quantized_type<take_apart, 64, kBlockBytes>(40, "NVFP4", encode);

}  // namespace assay::quant
