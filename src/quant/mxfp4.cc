// MXFP4: 32 values in 17 bytes, 4.25 bits a value. OCP Microscaling Formats 1.0: elements of 1 sign, 2 exponent and 1
// fraction bits, and a power of two.
//
//   0  u8  e
//   1  16 bytes: value i in the low nibble of byte i, value i + 16 in its high nibble
//
//   value = 2^(e - 128) * doubled[nibble]: the elements are doubled to be integers
#include <algorithm>
#include <cmath>

#include "quant/e2m1.h"
#include "quant/encode.h"

namespace assay::quant {
namespace {

float scale_of(std::uint8_t exponent) {
  // 2^-128 and 2^-127 are subnormal.
  const std::uint32_t bits = exponent < 2 ? 0x00200000U << exponent : (exponent - 1U) << 23;
  return std::bit_cast<float>(bits);
}

[[gnu::always_inline]] inline void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_block(scale_of(as_bytes(block)[0]), 32, integers);
  unpack_nibbles(
      block + 1, [](int nibble) { return kDoubledE2M1[nibble]; }, integers.quant);
}

/// The exponent that lays the largest magnitude between 4 and 8 (6 is the largest element). Logarithms are rounded to
/// float32, as the reference has them: just below a power of two they may reach it.
std::uint8_t exponent_of(float magnitude) {
  if (!(magnitude > 0)) return 0;
  const auto logarithm = static_cast<float>(std::log2(static_cast<double>(magnitude)));
  return static_cast<std::uint8_t>(static_cast<int>(std::floor(logarithm)) - 2 + 127);
}

void encode(const float* row, std::size_t width, const float* /*importance*/, std::byte* blocks) {
  for (; width != 0; width -= 32, row += 32, blocks += 17) {
    const auto [low, high] = range_of(row);
    const std::uint8_t exponent = exponent_of(std::max(absolute(low), absolute(high)));
    const float scale = scale_of(exponent);
    std::int16_t index[32];
    for (int i = 0; i < 32; ++i) index[i] = static_cast<std::int16_t>(nearest_e2m1(row[i], scale));
    as_bytes(blocks)[0] = exponent;
    pack_nibbles(index, 0, blocks + 1);
  }
}

}  // namespace

extern constinit const Type mxfp4 = quantized_type<take_apart, 32, 17>(39, "MXFP4", encode);

}  // namespace assay::quant
