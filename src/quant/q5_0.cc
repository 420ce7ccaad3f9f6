// Q5_0: 32 values in 22 bytes, 5.5 bits a value.
//
//   0  f16  d
//   2  u32  fifth bits: bit i belongs to value i
//   6  16 bytes: value i in the low nibble of byte i, value i + 16 in its high nibble
//
//   value = d * (nibble + 16 * fifth bit - 16)
#include "quant/encode.h"

namespace assay::quant {
namespace {

[[gnu::always_inline]] inline void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_block(load_half(block), 32, integers);
  unpack_five_bits(block + 2, -16, integers.quant);
}

inline void put_together(const BlockIntegers& integers, std::byte* block) {
  store_half(integers.d, block);
  pack_five_bits(integers.quant, 16, block + 2);
}

}  // namespace

extern constinit const Type q5_0 = quantized_type<take_apart, 32, 22>(
    6, "Q5_0", encode_small_blocks<encode_signed_simply, encode_signed_row, put_together, 16, 22>);

}  // namespace assay::quant
