// IQ4_XS: 256 values in 136 bytes, 4.25 bits a value. 8 groups of 32 values, each with a 6-bit scale.
//
//   0  f16  d
//   2  u16  upper bits: bits 2g, 2g + 1 are bits 4, 5 of scale g
//   4  4 bytes: bits 0-3 of scale g are the nibble g % 2 (0 low, 1 high) of byte g / 2
//   8  128 bytes: value 32 g + i is the low nibble of byte 16 g + i, value 32 g + 16 + i its high nibble   (i 0..15)
//
//   value = d * (scale - 32) * codebook[nibble]
#include <algorithm>

#include "quant/codebook.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  integers.d = load_half(block);
  integers.dmin = 0;
  integers.group_values = 32;
  std::uint16_t upper = 0;
  std::memcpy(&upper, block + 2, sizeof upper);
  for (int group = 0; group < 8; ++group) {
    const int low = as_bytes(block + 4)[group / 2] >> (4 * (group % 2)) & 15;
    integers.scale[group] = (low | (upper >> (2 * group) & 3) << 4) - 32;
    integers.min[group] = 0;
    const auto quant_of = [](int nibble) { return kCodebook[nibble]; };
    unpack_nibbles(block + 8 + 16 * group, quant_of, integers.quant + 32 * group);
  }
}

void encode_block(const float* x, const float* importance, std::byte* block) {
  float weights[256];
  float scale[8];
  codebook_weights(x, importance, 256, weights);
  searches().codebook(x, weights, scale);
  float magnitude;
  const float d = -find_extreme<8>(scale, magnitude) / 32.0F;
  const float inverse = inverse_of(d);
  store_half(d, block);
  std::uint16_t upper = 0;
  std::fill_n(block + 4, 4, std::byte{0});
  for (int group = 0; group < 8; ++group) {
    const int rounded = std::clamp(nearest_int(inverse * scale[group]), -32, 31);
    pack_codebook(x + 32 * group, inverse_of(d * static_cast<float>(rounded)), block + 8 + 16 * group);
    const int biased = rounded + 32;
    as_bytes(block + 4)[group / 2] |= static_cast<std::uint8_t>((biased & 15) << (4 * (group % 2)));
    upper = static_cast<std::uint16_t>(upper | (biased >> 4) << (2 * group));
  }
  std::memcpy(block + 2, &upper, sizeof upper);
}

void encode(const float* row, std::size_t width, const float* importance, std::byte* blocks) {
  for (std::size_t first = 0; first < width; first += 256, blocks += 136)
    encode_block(row + first, importance != nullptr ? importance + first : nullptr, blocks);
}

}  // namespace

extern constinit const Type iq4_xs = quantized_type<take_apart, 256, 136>(23, "IQ4_XS", encode);

}  // namespace assay::quant
