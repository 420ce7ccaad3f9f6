// Q6_K: 256 values in 210 bytes, 6.5625 bits a value. 16 groups of 16 values, each with a signed 8-bit scale.
//
//     0  128 bytes of lower bits, 64 for each half h of 128 values (l 0..31):
//          values 128 h + l,      128 h + 32 + l   low nibbles of bytes 64 h + l, 64 h + 32 + l
//          values 128 h + 64 + l, 128 h + 96 + l   high nibbles of the same two bytes
//   128  64 bytes of upper bits: value 128 h + 32 s + l is bits 2s, 2s + 1 of byte 32 h + l   (s 0..3)
//   192  16 signed bytes: scales
//   208  f16  d
//
//   value = d * scale * (nibble + 16 * upper bits - 32)
#include <algorithm>

#include "quant/encode.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  integers.d = load_half(block + 208);
  integers.dmin = 0;
  integers.group_values = 16;
  const std::int8_t* scales = as_signed_bytes(block + 192);
  for (int group = 0; group < 16; ++group) {
    integers.scale[group] = scales[group];
    integers.min[group] = 0;
  }
  for (int half = 0; half < 2; ++half) {
    const std::uint8_t* lower = as_bytes(block + 64 * half);
    const std::uint8_t* upper = as_bytes(block + 128 + 32 * half);
    std::int16_t* quant = integers.quant + 128 * half;
    for (int l = 0; l < 32; ++l) {
      quant[l] = static_cast<std::int16_t>(((lower[l] & 15) | (upper[l] & 3) << 4) - 32);
      quant[l + 32] = static_cast<std::int16_t>(((lower[l + 32] & 15) | (upper[l] >> 2 & 3) << 4) - 32);
      quant[l + 64] = static_cast<std::int16_t>((lower[l] >> 4 | (upper[l] >> 4 & 3) << 4) - 32);
      quant[l + 96] = static_cast<std::int16_t>((lower[l + 32] >> 4 | (upper[l] >> 6) << 4) - 32);
    }
  }
}

void put_together(const BlockIntegers& integers, std::byte* block) {
  for (int half = 0; half < 2; ++half) {
    std::uint8_t* lower = as_bytes(block + 64 * half);
    const auto biased = [&](int i) { return integers.quant[128 * half + i] + 32; };
    for (int l = 0; l < 64; ++l) lower[l] = static_cast<std::uint8_t>((biased(l) & 15) | (biased(l + 64) & 15) << 4);
  }
  pack_two_bits([&](int i) { return (integers.quant[i] + 32) >> 4; }, block + 128);
  for (int group = 0; group < 16; ++group)
    as_bytes(block + 192)[group] = static_cast<std::uint8_t>(integers.scale[group]);
  store_half(integers.d, block + 208);
}

void encode_block(const float* x, const float* importance, BlockIntegers& integers) {
  float weights[256];
  if (importance == nullptr) {
    for (int i = 0; i < 256; ++i) weights[i] = x[i] * x[i];
  }
  float scale[16];
  searches().of_signed(x, importance != nullptr ? importance : weights, 16, 32, scale, integers.quant);
  const float extreme = extreme_scale(scale);
  if (absolute(extreme) < kNothing) {
    integers.d = 0;
    std::fill_n(integers.scale, 16, 0);
    std::fill_n(integers.quant, 256, std::int16_t{-32});
    return;
  }
  const float inverse = -128.0F / extreme;
  integers.d = round_to_half(1.0F / inverse);
  for (int group = 0; group < 16; ++group) {
    const int rounded = std::min(127, nearest_int(inverse * scale[group]));
    integers.scale[group] = static_cast<std::int8_t>(rounded);
  }
  quantize_again(x, 32, integers);
}

}  // namespace

extern constinit const Type q6_k =
    quantized_type<take_apart, 256, 210>(14, "Q6_K", encode_super_blocks<encode_block, put_together, 210>);

}  // namespace assay::quant
