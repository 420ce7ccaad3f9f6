// Q8_0: 32 values in 34 bytes, 8.5 bits a value.
//
//   0  f16  d
//   2  32 signed bytes, one a value
//
//   value = d * byte
#include "quant/block.h"

namespace assay::quant {
namespace {

[[gnu::always_inline]] inline void take_apart(const std::byte* block, BlockIntegers& integers) {
  integers.d = load_half(block);
  integers.dmin = 0;
  integers.group_values = 32;
  integers.scale[0] = 1;
  integers.min[0] = 0;
  const std::int8_t* quants = as_signed_bytes(block + 2);
  for (int i = 0; i < 32; ++i) integers.quant[i] = quants[i];
}

}  // namespace

extern constinit const Type q8_0 = quantized_type<take_apart, 32, 34>(8, "Q8_0");

}  // namespace assay::quant
