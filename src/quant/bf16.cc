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

}  // namespace

extern constinit const Type bf16 = {30, "BF16", 1, 2, decode};

}  // namespace assay::quant
