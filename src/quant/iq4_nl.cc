// IQ4_NL: 32 values in 18 bytes, 4.5 bits a value.
//
//   0  f16  d
//   2  16 bytes: value i in the low nibble of byte i, value i + 16 in its high nibble
//
//   value = d * codebook[nibble]
#include "quant/codebook.h"

namespace assay::quant {
namespace {

[[gnu::always_inline]] inline void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_block(load_half(block), 32, integers);
  unpack_nibbles(
      block + 2, [](int nibble) { return kCodebook[nibble]; }, integers.quant);
}

void encode(const float* row, std::size_t width, const float* importance, std::byte* blocks) {
  for (std::size_t first = 0; first < width; first += kSearched) {
    float x[kSearched];
    float weights[kSearched];
    float scale[8];
    const auto weights_of = [&](std::size_t at, float* block_weights) {
      codebook_weights(row + at, importance != nullptr ? importance + at : nullptr, 32, block_weights);
    };
    const std::size_t used = take_eight_blocks(row, width, first, weights_of, x, weights);
    searches().codebook(x, weights, scale);
    for (std::size_t i = 0; i < used; ++i, blocks += 18) {
      store_half(scale[i], blocks);
      pack_codebook(x + 32 * i, inverse_of(scale[i]), blocks + 2);
    }
  }
}

}  // namespace

extern constinit const Type iq4_nl = quantized_type<take_apart, 32, 18>(20, "IQ4_NL", encode);

}  // namespace assay::quant
