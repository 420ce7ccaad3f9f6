// F32: IEEE 754 binary32, 4 bytes a value.
#include "quant/block.h"

namespace assay::quant {
namespace {

void decode(const std::byte* blocks, std::size_t block_count, float* values) {
  std::memcpy(values, blocks, block_count * sizeof(float));
}

void encode(const float* row, std::size_t width, const float* /*importance*/, std::byte* blocks) {
  std::memcpy(blocks, row, width * sizeof(float));
}

}  // namespace

extern constinit const Type f32 = {0, "F32", 1, 4, decode, nullptr, nullptr, encode};

}  // namespace assay::quant
