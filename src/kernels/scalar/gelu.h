// The specified GELUs in float32, one value at a time. See kernels/gelu_constants.h.
#pragma once

#include <cmath>

#include "kernels/gelu_constants.h"
#include "kernels/scalar/exp.h"

namespace assay::kernels::scalar {

inline float gelu_tanh(float g) { return g / (1.0F + exp(g * std::fma(g * g, kGeluTanhCubic, kGeluTanhLinear))); }

inline float gelu(float g) {
  const float size = std::fabs(g);
  const float a = kGeluHigh < size ? kGeluHigh : size;
  const float t = 1.0F / std::fma(a, kGeluSlope, 1.0F);
  float p = kGeluSeries[0];
  for (int i = 1; i < 9; ++i) p = std::fma(p, t, kGeluSeries[i]);
  const float positive = 0.0F > g ? 0.0F : g;
  return positive - a * (exp(a * a * -0.5F) * (t * p));
}

}  // namespace assay::kernels::scalar
