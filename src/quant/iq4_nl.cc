// IQ4_NL: 32 values in 18 bytes, 4.5 bits a value.
//
//   0  f16  d
//   2  16 bytes: value i in the low nibble of byte i, value i + 16 in its high nibble
//
//   value = d * codebook[nibble]
#include <algorithm>

#include "quant/codebook.h"

namespace assay::quant {
namespace {

[[gnu::always_inline]] inline void take_apart(const std::byte* block, BlockIntegers& integers) {
  integers.d = load_half(block);
  integers.dmin = 0;
  integers.group_values = 32;
  integers.scale[0] = 1;
  integers.min[0] = 0;
  const std::uint8_t* nibbles = as_bytes(block + 2);
  for (int i = 0; i < 16; ++i) {
    integers.quant[i] = kCodebook[nibbles[i] & 15];
    integers.quant[i + 16] = kCodebook[nibbles[i] >> 4];
  }
}

void encode(const float* row, std::size_t width, const float* importance, std::byte* blocks) {
  for (std::size_t first = 0; first < width; first += 32 * kLanes) {
    const std::size_t used = std::min<std::size_t>(kLanes, (width - first) / 32);
    float x[32 * kLanes];
    float weights[32 * kLanes];
    float scale[kLanes];
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::size_t at = first + 32 * std::min(lane, used - 1);
      std::copy_n(row + at, 32, x + 32 * lane);
      codebook_weights(row + at, importance != nullptr ? importance + at : nullptr, 32, weights + 32 * lane);
    }
    search_codebook_scales(x, weights, scale);
    for (std::size_t lane = 0; lane < used; ++lane, blocks += 18) {
      store_half(scale[lane], blocks);
      pack_codebook(x + 32 * lane, inverse_of(scale[lane]), blocks + 2);
    }
  }
}

}  // namespace

extern constinit const Type iq4_nl = quantized_type<take_apart, 32, 18>(20, "IQ4_NL", encode);

}  // namespace assay::quant
