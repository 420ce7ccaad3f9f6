// Q3_K: 256 values in 110 bytes, 3.4375 bits a value. 16 groups of 16 values, each with a 6-bit scale.
//
//     0  32 bytes of third bits: value 128 h + 32 s + l is bit 4 h + s of byte l   (h 0..1, s 0..3, l 0..31)
//    32  64 bytes of lower bits: value 128 h + 32 s + l is bits 2s, 2s + 1 of byte 32 h + l
//    96  12 bytes of scales: bits 0-3 of scale g are the nibble g / 8 (0 low, 1 high) of byte g % 8, bits 4-5 are bits
//        2 (g / 4), 2 (g / 4) + 1 of byte 8 + g % 4
//   108  f16  d
//
//   value = d * (scale - 32) * (lower bits + 4 * third bit - 4)
#include <algorithm>
#include <numeric>

#include "quant/encode.h"

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
    integers.scale[group] = (low | high << 4) - 32;
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

void put_together(const BlockIntegers& integers, std::byte* block) {
  const auto biased = [&](int i) { return integers.quant[i] + 4; };
  for (int l = 0; l < 32; ++l) {
    int third = 0;
    for (int s = 0; s < 8; ++s) third |= (biased(32 * s + l) >> 2) << s;
    as_bytes(block)[l] = static_cast<std::uint8_t>(third);
  }
  pack_two_bits([&](int i) { return biased(i) & 3; }, block + 32);
  std::uint8_t* scales = as_bytes(block + 96);
  std::fill_n(scales, 12, std::uint8_t{0});
  for (int group = 0; group < 16; ++group) {
    const int scale = integers.scale[group] + 32;
    scales[group % 8] |= static_cast<std::uint8_t>((scale & 15) << (4 * (group / 8)));
    scales[8 + group % 4] |= static_cast<std::uint8_t>((scale >> 4) << (2 * (group / 4)));
  }
  store_half(integers.d, block + 108);
}

void encode_block(const float* x, const float* importance, BlockIntegers& integers) {
  float scale[16];
  if (importance == nullptr) {
    searches().refined(x, 4, scale, integers.quant);
    const float extreme = extreme_scale(scale);
    const float inverse = -32.0F / extreme;
    for (int group = 0; group < 16; ++group) {
      const auto rounded = static_cast<std::int8_t>(nearest_int(inverse * scale[group]));
      integers.scale[group] = extreme != 0 ? std::clamp<int>(rounded, -32, 31) : -32;
    }
    integers.d = round_to_half(extreme != 0 ? 1.0F / inverse : 0.0F);
  } else {
    float weights[256];
    float group_weight[16];
    float rounded[16];
    importance_weights(x, importance, 2.0F * sum_of_squares(x, 256) / 256.0F, 256, weights);
    searches().of_signed(x, weights, 16, 4, scale, integers.quant);
    for (int group = 0; group < 16; ++group)
      group_weight[group] = std::accumulate(weights + 16 * group, weights + 16 * (group + 1), 0.0F);
    integers.d = round_to_half(search_signed<16>(scale, group_weight, 32, rounded));
    for (int group = 0; group < 16; ++group) integers.scale[group] = static_cast<int>(rounded[group]) - 32;
  }
  quantize_again(x, 4, integers);
}

}  // namespace

extern constinit const Type q3_k =
    quantized_type<take_apart, 256, 110>(11, "Q3_K", encode_super_blocks<encode_block, put_together, 110>);

}  // namespace assay::quant
