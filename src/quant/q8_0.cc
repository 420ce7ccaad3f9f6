// Q8_0: 32 values in 34 bytes, 8.5 bits a value.
//
//   0  f16  d
//   2  32 signed bytes, one a value
//
//   value = d * byte
#include <algorithm>
#include <cmath>

#include "quant/encode.h"

namespace assay::quant {
namespace {

[[gnu::always_inline]] inline void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_block(load_half(block), 32, integers);
  const std::int8_t* quants = as_signed_bytes(block + 2);
  for (int i = 0; i < 32; ++i) integers.quant[i] = quants[i];
}

void encode(const float* row, std::size_t width, const float* /*importance*/, std::byte* blocks) {
  for (; width != 0; width -= 32, row += 32, blocks += 34) {
    const auto [low, high] = range_of(row);
    const float d = std::max(absolute(low), absolute(high)) / 127.0F;
    const float inverse = inverse_of(d);
    store_half(d, blocks);
    for (int i = 0; i < 32; ++i) {
      const float value = row[i] * inverse;
      as_bytes(blocks + 2)[i] = static_cast<std::uint8_t>(truncate(value + std::copysign(kBelowHalf, value)));
    }
  }
}

}  // namespace

extern constinit const Type q8_0 = quantized_type<take_apart, 32, 34>(8, "Q8_0", encode);

}  // namespace assay::quant
