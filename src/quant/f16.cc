// F16: IEEE 754 binary16, 2 bytes a value: 1 sign, 5 exponent (bias 15) and 10 fraction bits.
#include "quant/block.h"

namespace assay::quant {
namespace {

void decode(const std::byte* blocks, std::size_t block_count, float* values) {
  for (std::size_t i = 0; i < block_count; ++i) values[i] = load_half(blocks + 2 * i);
}

void encode(const float* row, std::size_t width, const float* /*importance*/, std::byte* blocks) {
  for (std::size_t i = 0; i < width; ++i) store_half(row[i], blocks + 2 * i);
}

}  // namespace

extern constinit const Type f16 = {1, "F16", 1, 2, decode, nullptr, nullptr, encode};

}  // namespace assay::quant
