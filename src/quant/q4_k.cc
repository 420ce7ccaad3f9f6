// Q4_K: 256 values in 144 bytes, 4.5 bits a value. 8 groups of 32 values, each with a 6-bit scale and a 6-bit minimum.
//
//    0  f16  d
//    2  f16  dmin
//    4  12 bytes of scales and minimums, see unpack_scales_and_mins
//   16  128 bytes of quants: value 64 c + l is the low nibble of byte 32 c + l, value 64 c + 32 + l its high nibble
//       (c 0..3, l 0..31)
//
//   value = d * scale * quant - dmin * minimum
#include "quant/encode.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  integers.d = load_half(block);
  integers.dmin = load_half(block + 2);
  integers.group_values = 32;
  unpack_scales_and_mins(block + 4, integers.scale, integers.min);
  for (int chunk = 0; chunk < 4; ++chunk) {
    const std::uint8_t* nibbles = as_bytes(block + 16 + 32 * chunk);
    std::int16_t* quant = integers.quant + 64 * chunk;
    for (int l = 0; l < 32; ++l) {
      quant[l] = static_cast<std::int16_t>(nibbles[l] & 15);
      quant[l + 32] = static_cast<std::int16_t>(nibbles[l] >> 4);
    }
  }
}

void put_together(const BlockIntegers& integers, std::byte* block) {
  store_half(integers.d, block);
  store_half(integers.dmin, block + 2);
  pack_scales_and_mins(integers.scale, integers.min, block + 4);
  for (int chunk = 0; chunk < 4; ++chunk) {
    const std::int16_t* quant = integers.quant + 64 * chunk;
    for (int l = 0; l < 32; ++l)
      as_bytes(block + 16 + 32 * chunk)[l] = static_cast<std::uint8_t>(quant[l] | quant[l + 32] << 4);
  }
}

void encode_block(const float* x, const float* importance, BlockIntegers& integers) {
  constexpr AffineRule kRule = {32, 15, 63, {-1.0F, 0.1F, 20, false}, 2.0F};
  encode_affine_block(x, importance, kRule, integers);
}

}  // namespace

extern constinit const Type q4_k =
    quantized_type<take_apart, 256, 144>(12, "Q4_K", encode_super_blocks<encode_block, put_together, 144>);

}  // namespace assay::quant
