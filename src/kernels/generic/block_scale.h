// Where a format keeps the scale of a block. Most have a half, d, at kScaleOffset (0 unless they say so), with dmin
// behind it where there are minimums, or make one of other bits, static std::uint16_t half(const Byte* block); some of
// them mean a power of two times it, kScaleFactor. Others say d themselves: static float scale(const Byte* block).
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/token.h"

namespace assay::kernels {
namespace {

template <typename Format>
constexpr bool has_half_scale() {
  return !requires(const Byte* block) { Format::scale(block); };
}

template <typename Format>
constexpr std::size_t scale_offset() {
  if constexpr (requires { Format::kScaleOffset; }) return Format::kScaleOffset;
  return 0;
}

template <typename Format>
constexpr float scale_factor() {
  if constexpr (requires { Format::kScaleFactor; }) return Format::kScaleFactor;
  return 1.0F;
}

template <typename Format>
inline std::uint16_t half_scale(const Byte* block) {
  if constexpr (requires { Format::half(block); }) return Format::half(block);
  return load_word(block + scale_offset<Format>());
}
template <typename Format>
inline std::uint16_t half_min_scale(const Byte* block) {
  return load_word(block + scale_offset<Format>() + 2);
}

/// Of MXFP4: 2^(exponent - 128); 2^-128 and 2^-127 are subnormal.
inline float power_of_two(Byte exponent) {
  const std::uint32_t bits = exponent < 2 ? 0x00200000U << exponent : (exponent - 1U) << 23;
  float power;
  __builtin_memcpy(&power, &bits, sizeof power);
  return power;
}

/// d of one block.
template <typename Format>
inline float block_scale(const Byte* block) {
  if constexpr (has_half_scale<Format>()) {
    return float_of_half(half_scale<Format>(block)) * scale_factor<Format>();
  } else {
    return Format::scale(block);
  }
}

}  // namespace
}  // namespace assay::kernels
