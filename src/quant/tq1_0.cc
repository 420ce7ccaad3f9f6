// TQ1_0: 256 values in 54 bytes, 1.6875 bits a value. A byte holds five ternary digits as a fraction of 256, the first
// digit the leading one: digit n of byte b is the integer part of 3 * frac(b * 3^n / 256).
//
//    0  32 bytes: value 32 n + l is digit n of byte l               (n 0..4, l 0..31)
//   32  16 bytes: value 160 + 16 n + l is digit n of byte 32 + l    (n 0..4, l 0..15)
//   48   4 bytes: value 240 + 4 n + l is digit n of byte 48 + l     (n 0..3, l 0..3)
//   52  f16  d
//
//   value = d * (digit - 1)
#include "quant/ternary.h"

namespace assay::quant {
namespace {

/// A run of bytes whose digits lie `bytes` values apart.
struct Run {
  int first_value, first_byte, bytes, digits;
};
constexpr Run kRuns[] = {{0, 0, 32, 5}, {160, 32, 16, 5}, {240, 48, 4, 4}};

void take_apart(const std::byte* block, BlockIntegers& integers) {
  constexpr int kPowers[] = {1, 3, 9, 27, 81};
  start_block(load_half(block + 52), 256, integers);
  for (const Run& run : kRuns) {
    for (int digit = 0; digit < run.digits; ++digit) {
      for (int l = 0; l < run.bytes; ++l) {
        const int fraction = as_bytes(block)[run.first_byte + l] * kPowers[digit] & 255;
        integers.quant[run.first_value + run.bytes * digit + l] = static_cast<std::int16_t>((fraction * 3 >> 8) - 1);
      }
    }
  }
}

void put_together(const BlockIntegers& integers, std::byte* block) {
  for (const Run& run : kRuns) {
    for (int l = 0; l < run.bytes; ++l) {
      int number = 0;
      for (int digit = 0; digit < 5; ++digit) {
        const int quant = digit < run.digits ? integers.quant[run.first_value + run.bytes * digit + l] + 1 : 0;
        number = 3 * number + quant;
      }
      // Rounded up, so that cutting off finds the digits again; 243 = 3^5.
      as_bytes(block)[run.first_byte + l] = static_cast<std::uint8_t>((number * 256 + 242) / 243);
    }
  }
  store_half(integers.d, block + 52);
}

}  // namespace

extern constinit const Type tq1_0 =
    quantized_type<take_apart, 256, 54>(34, "TQ1_0", encode_super_blocks<encode_ternary, put_together, 54>);

}  // namespace assay::quant
