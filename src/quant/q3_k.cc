// Q3_K: 256 values in 110 bytes, 3.4375 bits a value. 16 groups of 16 values, each with a 6-bit scale.
//
//     0  32 bytes of third bits: value 128 h + 32 s + l is bit 4 h + s of byte l   (h 0..1, s 0..3, l 0..31)
//    32  64 bytes of lower bits: value 128 h + 32 s + l is bits 2s, 2s + 1 of byte 32 h + l
//    96  12 bytes of scales: bits 0-3 of scale g are the nibble g / 8 (0 low, 1 high) of byte g % 8, bits 4-5 are bits
//        2 (g / 4), 2 (g / 4) + 1 of byte 8 + g % 4
//   108  f16  d
//
//   value = d * (scale - 32) * (lower bits + 4 * third bit - 4)
#include "quant/block.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  integers.d = load_half(block + 108);
  integers.dmin = 0;
  integers.group_values = 16;
  const std::uint8_t* scales = as_bytes(block + 96);
  for (int group = 0; group < 16; ++group) {
    const int low = scales[group % 8] >> (4 * (group / 8)) & 15;
    const int high = scales[8 + group % 4] >> (2 * (group / 4)) & 3;
    integers.scale[group] = static_cast<std::int16_t>((low | high << 4) - 32);
    integers.min[group] = 0;
  }
  const std::uint8_t* third = as_bytes(block);
  for (int half = 0; half < 2; ++half) {
    const std::uint8_t* packed = as_bytes(block + 32 + 32 * half);
    std::int16_t* quant = integers.quant + 128 * half;
    for (int s = 0; s < 4; ++s) {
      for (int l = 0; l < 32; ++l) {
        const int bit = third[l] >> (4 * half + s) & 1;
        quant[32 * s + l] = static_cast<std::int16_t>((packed[l] >> (2 * s) & 3) + 4 * bit - 4);
      }
    }
  }
}

}  // namespace

extern constinit const Type q3_k = quantized_type<take_apart, 256, 110>(11, "Q3_K");

}  // namespace assay::quant
