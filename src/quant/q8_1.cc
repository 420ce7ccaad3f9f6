// Q8_1: 32 values in 36 bytes, 9 bits a value. ggml rounds activations to it; files need not have it.
//
//   0  f16  d
//   2  f16  d times the sum of the bytes, for products with types that have a minimum; the values do not need it
//   4  32 signed bytes, one a value
//
//   value = d * byte
#include "quant/block.h"

namespace assay::quant {
namespace {

[[gnu::always_inline]] inline void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_block(load_half(block), 32, integers);
  const std::int8_t* quants = as_signed_bytes(block + 4);
  for (int i = 0; i < 32; ++i) integers.quant[i] = quants[i];
}

}  // namespace

extern constinit const Type q8_1 = quantized_type<take_apart, 32, 36>(9, "Q8_1", nullptr);

}  // namespace assay::quant
