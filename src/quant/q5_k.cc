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
#include "quant/encode.h"

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

void put_together(const BlockIntegers& integers, std::byte* block) {
  store_half(integers.d, block);
  store_half(integers.dmin, block + 2);
  pack_scales_and_mins(integers.scale, integers.min, block + 4);
  for (int l = 0; l < 32; ++l) {
    int fifth = 0;
    for (int group = 0; group < 8; ++group) fifth |= (integers.quant[32 * group + l] >> 4) << group;
    as_bytes(block + 16)[l] = static_cast<std::uint8_t>(fifth);
  }
  for (int chunk = 0; chunk < 4; ++chunk) {
    const std::int16_t* quant = integers.quant + 64 * chunk;
    for (int l = 0; l < 32; ++l)
      as_bytes(block + 48 + 32 * chunk)[l] = static_cast<std::uint8_t>((quant[l] & 15) | (quant[l + 32] & 15) << 4);
  }
}

void encode_block(const float* x, const float* importance, BlockIntegers& integers) {
  constexpr AffineRule kRule = {32, 31, 63, {-0.5F, 0.1F, 15, false}, 2.0F};
  encode_affine_block(x, importance, kRule, integers);
}

}  // namespace

extern constinit const Type q5_k =
    quantized_type<take_apart, 256, 176>(13, "Q5_K", encode_super_blocks<encode_block, put_together, 176>);

}  // namespace assay::quant
