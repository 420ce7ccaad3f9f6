// The specified exp and tanh in float32, as every instruction set computes it (kernels/scalar/exp.h is the readable
// form):
//   x = min(max(x, kExpLow), kExpHigh)                   NaN stays NaN
//   k = round_to_even(x * log2 e)                        as fma(x, kLog2E, kRounder) - kRounder
//   r = fma(-k, kLn2Low, fma(-k, kLn2High, x))           the inner one is exact
//   q = Horner with fma over kExpSeries
//   e = (1 + fma(r * r, q, r)) * 2^(k >> 1) * 2^(k - (k >> 1))
// Error below 1.1 ulp, subnormal results included. With the same k, r and q for x = -2 min(|y|, kTanhHigh):
//   m = fma(2^k, fma(r * r, q, r), 2^k - 1)              e^x - 1
//   tanh y = m / (m + 2) with the sign of y              error below 3 ulp
#pragma once

namespace assay::kernels {

inline constexpr float kExpHigh = 89.0F;   // e^x overflows
inline constexpr float kExpLow = -104.5F;  // e^x rounds to 0
inline constexpr float kTanhHigh = 10.0F;  // tanh rounds to 1
inline constexpr float kLog2E = 0x1.715476p+0F;
inline constexpr float kExpRounder = 0x1.8p23F;
inline constexpr float kLn2High = 0x1.62e43p-1F;
inline constexpr float kLn2Low = -0x1.05c61p-29F;
/// 1/7!, 1/6!, ... 1/2!
static constexpr float kExpSeries[] = {1 / 5040.0F, 1 / 720.0F, 1 / 120.0F, 1 / 24.0F, 1 / 6.0F, 0.5F};

}  // namespace assay::kernels
