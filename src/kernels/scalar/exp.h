// The specified exp in float32, one value at a time. See kernels/exp_constants.h.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/exp_constants.h"

namespace assay::kernels::scalar {

inline float exp(float x) {
  x = kExpHigh < x ? kExpHigh : x;
  x = kExpLow > x ? kExpLow : x;
  const float shifted = std::fma(x, kLog2E, kExpRounder);
  const float count = shifted - kExpRounder;
  const float r = std::fma(-count, kLn2Low, std::fma(-count, kLn2High, x));
  float q = kExpSeries[0];
  for (int i = 1; i < 6; ++i) q = std::fma(q, r, kExpSeries[i]);
  const float value = 1.0F + std::fma(r * r, q, r);
  // Unsigned, because the bits of a NaN may be anything here; the result is NaN all the same.
  const std::uint32_t k = std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(kExpRounder);
  const auto half = static_cast<std::uint32_t>(static_cast<std::int32_t>(k) >> 1);
  const auto power = [](std::uint32_t exponent) { return std::bit_cast<float>((exponent + 127U) << 23); };
  return value * power(half) * power(k - half);
}

}  // namespace assay::kernels::scalar
