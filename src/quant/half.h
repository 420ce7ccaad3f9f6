// float16 and bfloat16 to float32 and back (IEEE 754 binary16, round to nearest even; bfloat16 is the upper half of a
// float).
#pragma once

#include <bit>
#include <cstdint>

namespace assay::quant {

/// Exact. Subnormals, infinities and NaN payloads included.
inline float half_to_float(std::uint16_t half) {
  // Without branches, so that a loop of it becomes vector code: masks are all ones or zero.
  const std::int32_t magnitude = half & 0x7FFF;
  const std::int32_t is_normal = -static_cast<std::int32_t>(magnitude >= 0x0400);
  const std::int32_t is_not_finite = -static_cast<std::int32_t>(magnitude >= 0x7C00);
  const auto subnormal = std::bit_cast<std::int32_t>(static_cast<float>(magnitude) * 0x1p-24F);
  const std::int32_t rebased = (magnitude << 13) + 0x38000000;
  const std::int32_t bits = (is_normal & rebased) | (~is_normal & subnormal) | (is_not_finite & 0x7F800000);
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) | (half & 0x8000U) << 16);
}

/// Round to nearest even; overflow gives infinity, NaN stays a (quiet) NaN.
inline std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);
  if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);
  if (magnitude < 0x38800000U) {
    // Subnormal or zero: adding 0.5 aligns the bits so that the float unit rounds for us.
    const float aligned = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(aligned) - 0x3F000000U));
  }
  const std::uint32_t odd = magnitude >> 13 & 1U;
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000U + 0xFFFU + odd) >> 13));
}

inline float bfloat_to_float(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

/// Round to nearest even; NaN stays a quiet NaN.
inline std::uint16_t float_to_bfloat(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

}  // namespace assay::quant
