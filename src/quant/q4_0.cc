// Q4_0: 32 values in 18 bytes, 4.5 bits a value.
//
//   0  f16  d
//   2  16 bytes: value i in the low nibble of byte i, value i + 16 in its high nibble
//
//   value = d * (nibble - 8)
#include "quant/encode.h"

namespace assay::quant {
namespace {

[[gnu::always_inline]] inline void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_block(load_half(block), 32, integers);
  unpack_nibbles(
      block + 2, [](int nibble) { return nibble - 8; }, integers.quant);
}

inline void put_together(const BlockIntegers& integers, std::byte* block) {
  store_half(integers.d, block);
  pack_nibbles(integers.quant, 8, block + 2);
}

}  // namespace

extern constinit const Type q4_0 = quantized_type<take_apart, 32, 18>(
    2, "Q4_0", encode_small_blocks<encode_signed_simply, encode_signed_row, put_together, 8, 18>);

}  // namespace assay::quant
