// Q5_K: 256 values in 176 bytes, 5.5 bits a value. 8 groups of 32 values, each with a 6-bit scale and a 6-bit minimum.
//
//    0  f16  d
//    2  f16  dmin
//    4  12 bytes of scales and minimums, see unpack_scales_and_mins
//   16  32 bytes of fifth bits: value 32 g + l is bit g of byte l   (g 0..7, l 0..31)
//   48  128 bytes of lower bits: value 64 c + l is the low nibble of byte 32 c + l, value 64 c + 32 + l its high nibble
//       (c 0..3, l 0..31)
//
//   value = d * scale * (nibble + 16 * fifth bit) - dmin * minimum
#include "quant/block.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  integers.d = load_half(block);
  integers.dmin = load_half(block + 2);
  integers.group_values = 32;
  unpack_scales_and_mins(block + 4, integers.scale, integers.min);
  const std::uint8_t* fifth = as_bytes(block + 16);
  for (int chunk = 0; chunk < 4; ++chunk) {
    const std::uint8_t* nibbles = as_bytes(block + 48 + 32 * chunk);
    std::int16_t* quant = integers.quant + 64 * chunk;
    for (int l = 0; l < 32; ++l) {
      const int low = fifth[l] >> (2 * chunk) & 1;
      const int high = fifth[l] >> (2 * chunk + 1) & 1;
      quant[l] = static_cast<std::int16_t>((nibbles[l] & 15) + 16 * low);
      quant[l + 32] = static_cast<std::int16_t>((nibbles[l] >> 4) + 16 * high);
    }
  }
}

}  // namespace

extern constinit const Type q5_k = quantized_type<take_apart, 256, 176>(13, "Q5_K");

}  // namespace assay::quant
