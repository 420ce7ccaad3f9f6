// TQ2_0: 256 values in 66 bytes, 2.0625 bits a value.
//
//    0  64 bytes of 2-bit quants: value 128 h + 32 s + l is bits 2s, 2s + 1 of byte 32 h + l   (h 0..1, s 0..3, l
//       0..31)
//   64  f16  d
//
//   value = d * (quant - 1)
#include "quant/ternary.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_block(load_half(block + 64), 256, integers);
  for (int i = 0; i < 256; ++i) {
    const std::uint8_t packed = as_bytes(block)[32 * (i / 128) + i % 32];
    integers.quant[i] = static_cast<std::int16_t>((packed >> (2 * (i / 32 % 4)) & 3) - 1);
  }
}

void put_together(const BlockIntegers& integers, std::byte* block) {
  pack_two_bits([&](int i) { return integers.quant[i] + 1; }, block);
  store_half(integers.d, block + 64);
}

}  // namespace

extern constinit const Type tq2_0 =
    quantized_type<take_apart, 256, 66>(35, "TQ2_0", encode_super_blocks<encode_ternary, put_together, 66>);

}  // namespace assay::quant
