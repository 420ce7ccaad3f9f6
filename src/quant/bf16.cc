// BF16: bfloat16, the upper two bytes of a binary32: 1 sign, 8 exponent and 7 fraction bits.
#include "quant/block.h"

namespace assay::quant {
namespace {

void decode(const std::byte* blocks, std::size_t block_count, float* values) {
  for (std::size_t i = 0; i < block_count; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, blocks + 2 * i, sizeof bits);
    values[i] = bfloat_to_float(bits);
  }
}

void encode(const float* row, std::size_t width, const float* /*importance*/, std::byte* blocks) {
  for (std::size_t i = 0; i < width; ++i) {
    const std::uint16_t bits = float_to_bfloat(row[i]);
    std::memcpy(blocks + 2 * i, &bits, sizeof bits);
  }
}

}  // namespace

extern constinit const Type bf16 = {30, "BF16", 1, 2, decode, nullptr, nullptr, encode};

}  // namespace assay::quant
