// Q8_K: 256 values in 292 bytes, 9.125 bits a value. ggml rounds activations to it; files need not have it.
//
//     0  f32  d
//     4  256 signed bytes, one a value
//   260  16 words of 16 bits: sums of 16 bytes each, which the values do not need
//
//   value = d * byte
#include "quant/block.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  float d = 0;
  std::memcpy(&d, block, sizeof d);
  start_block(d, 256, integers);
  const std::int8_t* quants = as_signed_bytes(block + 4);
  for (int i = 0; i < 256; ++i) integers.quant[i] = quants[i];
}

}  // namespace

extern constinit const Type q8_k = quantized_type<take_apart, 256, 292>(15, "Q8_K", nullptr);

}  // namespace assay::quant
