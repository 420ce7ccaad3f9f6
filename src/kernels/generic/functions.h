// Functions of sixteen floats at once. See kernels/exp_constants.h and kernels/gelu_constants.h.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstdint>

#include "kernels/exp_constants.h"
#include "kernels/gelu_constants.h"

namespace assay::kernels {
namespace {

/// e^x = 2^count * (1 + fraction).
struct ExpParts {
  Int count;
  Float fraction;
};

inline ExpParts exp_parts(Float x) {
  const Float shifted = fused(x, all_floats(kLog2E), all_floats(kExpRounder));
  const Float count = subtract(shifted, all_floats(kExpRounder));
  const Float r = fused_negative(count, all_floats(kLn2Low), fused_negative(count, all_floats(kLn2High), x));
  Float q = all_floats(kExpSeries[0]);
  for (int i = 1; i < 6; ++i) q = fused(q, r, all_floats(kExpSeries[i]));
  return {subtract_ints(bits_of(shifted), bits_of(all_floats(kExpRounder))), fused(multiply(r, r), q, r)};
}

inline Float power_of_two(Int exponent) { return floats_of(shift_ints_left<23>(add_ints(exponent, all_ints(127)))); }

inline Float exp_of(Float x) {
  const ExpParts e = exp_parts(max(all_floats(kExpLow), min(all_floats(kExpHigh), x)));
  const Int half = shift_ints_right<1>(e.count);
  const Float value = add(all_floats(1.0F), e.fraction);
  return multiply(multiply(value, power_of_two(half)), power_of_two(subtract_ints(e.count, half)));
}

inline Float negative(Float x) { return floats_of(bit_xor(bits_of(x), bits_of(all_floats(-0.0F)))); }
inline Float size_of(Float x) { return floats_of(bit_and(bits_of(x), all_ints(0x7FFFFFFF))); }
inline Float with_sign_of(Float x, Float sign) {
  return floats_of(bit_or(bits_of(size_of(x)), bit_and(bits_of(sign), bits_of(all_floats(-0.0F)))));
}

inline Float tanh_of(Float y) {
  const ExpParts e = exp_parts(multiply(all_floats(-2.0F), min(all_floats(kTanhHigh), size_of(y))));
  const Float power = power_of_two(e.count);
  const Float m = fused(power, e.fraction, subtract(power, all_floats(1.0F)));
  return with_sign_of(divide(m, add(m, all_floats(2.0F))), y);
}

inline Float gelu_tanh_of(Float g) {
  const Float slope = fused(multiply(g, g), all_floats(kGeluTanhCubic), all_floats(kGeluTanhLinear));
  return divide(g, add(all_floats(1.0F), exp_of(multiply(g, slope))));
}

inline Float gelu_of(Float g) {
  const Float a = min(all_floats(kGeluHigh), size_of(g));
  const Float t = divide(all_floats(1.0F), fused(a, all_floats(kGeluSlope), all_floats(1.0F)));
  Float p = all_floats(kGeluSeries[0]);
  for (int i = 1; i < 9; ++i) p = fused(p, t, all_floats(kGeluSeries[i]));
  const Float bell = exp_of(multiply(multiply(a, a), all_floats(-0.5F)));
  return subtract(max(all_floats(0.0F), g), multiply(a, multiply(bell, multiply(t, p))));
}

}  // namespace
}  // namespace assay::kernels
