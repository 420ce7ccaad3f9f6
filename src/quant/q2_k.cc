// Q2_K: 256 values in 84 bytes, 2.625 bits a value. 16 groups of 16 values, each with a 4-bit scale and a 4-bit
// minimum.
//
//    0  16 bytes, one a group: scale in the low nibble, minimum in the high nibble
//   16  64 bytes of 2-bit quants: value 128 h + 32 s + l is bits 2s, 2s + 1 of byte 32 h + l   (h 0..1, s 0..3, l
//   0..31) 80  f16  d 82  f16  dmin
//
//   value = d * scale * quant - dmin * minimum
#include "quant/encode.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  integers.d = load_half(block + 80);
  integers.dmin = load_half(block + 82);
  integers.group_values = 16;
  const std::uint8_t* scales = as_bytes(block);
  for (int group = 0; group < 16; ++group) {
    integers.scale[group] = scales[group] & 15;
    integers.min[group] = scales[group] >> 4;
  }
  for (int half = 0; half < 2; ++half) {
    const std::uint8_t* packed = as_bytes(block + 16 + 32 * half);
    std::int16_t* quant = integers.quant + 128 * half;
    for (int s = 0; s < 4; ++s) {
      for (int l = 0; l < 32; ++l) quant[32 * s + l] = static_cast<std::int16_t>(packed[l] >> (2 * s) & 3);
    }
  }
}

void put_together(const BlockIntegers& integers, std::byte* block) {
  for (int group = 0; group < 16; ++group)
    as_bytes(block)[group] = static_cast<std::uint8_t>(integers.scale[group] | integers.min[group] << 4);
  pack_two_bits([&](int i) { return integers.quant[i]; }, block + 16);
  store_half(integers.d, block + 80);
  store_half(integers.dmin, block + 82);
}

void encode_block(const float* x, const float* importance, BlockIntegers& integers) {
  constexpr AffineRule kRule = {16, 3, 15, {-0.5F, 0.1F, 15, true}, 1.0F};
  encode_affine_block(x, importance, kRule, integers);
}

}  // namespace

extern constinit const Type q2_k =
    quantized_type<take_apart, 256, 84>(10, "Q2_K", encode_super_blocks<encode_block, put_together, 84>);

}  // namespace assay::quant
