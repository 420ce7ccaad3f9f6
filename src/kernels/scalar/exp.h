// The specified exp and tanh in float32, one value at a time. See kernels/exp_constants.h.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/exp_constants.h"

namespace assay::kernels::scalar {

/// e^x = 2^count * (1 + fraction).
struct ExpParts {
  std::uint32_t count;  // the bits of a signed integer; anything for a NaN, whose fraction is NaN
  float fraction;
};

inline ExpParts exp_parts(float x) {
  const float shifted = std::fma(x, kLog2E, kExpRounder);
  const float count = shifted - kExpRounder;
  const float r = std::fma(-count, kLn2Low, std::fma(-count, kLn2High, x));
  float q = kExpSeries[0];
  for (int i = 1; i < 6; ++i) q = std::fma(q, r, kExpSeries[i]);
  return {std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(kExpRounder), std::fma(r * r, q, r)};
}

inline float power_of_two(std::uint32_t exponent) { return std::bit_cast<float>((exponent + 127U) << 23); }

inline float exp(float x) {
  x = kExpHigh < x ? kExpHigh : x;
  x = kExpLow > x ? kExpLow : x;
  const ExpParts e = exp_parts(x);
  const auto half = static_cast<std::uint32_t>(static_cast<std::int32_t>(e.count) >> 1);
  return (1.0F + e.fraction) * power_of_two(half) * power_of_two(e.count - half);
}

inline float tanh(float y) {
  const float size = std::fabs(y);
  const ExpParts e = exp_parts(-2.0F * (kTanhHigh < size ? kTanhHigh : size));
  const float power = power_of_two(e.count);
  const float m = std::fma(power, e.fraction, power - 1.0F);
  return std::copysign(m / (m + 2.0F), y);
}

}  // namespace assay::kernels::scalar
