// Q4_1: 32 values in 20 bytes, 5 bits a value.
//
//   0  f16  d
//   2  f16  m
//   4  16 bytes: value i in the low nibble of byte i, value i + 16 in its high nibble
//
//   value = d * nibble + m
#include "quant/encode.h"

namespace assay::quant {
namespace {

[[gnu::always_inline]] inline void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_block(load_half(block), load_half(block + 2), 32, integers);
  unpack_nibbles(
      block + 4, [](int nibble) { return nibble; }, integers.quant);
}

inline void put_together(const BlockIntegers& integers, std::byte* block) {
  store_half(integers.d, block);
  store_half(integers.dmin, block + 2);
  pack_nibbles(integers.quant, 0, block + 4);
}

}  // namespace

extern constinit const Type q4_1 = quantized_type<take_apart, 32, 20>(
    3, "Q4_1", encode_small_blocks<encode_affine_simply, encode_affine_row, put_together, 15, 20>);

}  // namespace assay::quant
