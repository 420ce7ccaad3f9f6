// The specified GELUs in float32 (Hendrycks and Gimpel 2016, arXiv 1606.08415), as every instruction set computes them
// (kernels/scalar/gelu.h is the readable form). Errors below 4 * 2^-24 |g|.
//
//   gelu_tanh(g) = g / (1 + exp(g * fma(g * g, kGeluTanhCubic, kGeluTanhLinear)))
// which is g (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (g + 0.044715 g^3), and loses nothing where g is negative.
//
//   gelu(g) = max(0, g) - a * (exp(a * a * -0.5) * (t * p)),  a = min(|g|, kGeluHigh)
//   t = 1 / fma(a, kGeluSlope, 1),  p = Horner with fma over kGeluSeries in t
// because g P(X <= g) is that with P(X > a) for the product, and P(X > a) exp(a^2 / 2) is t times a polynomial in t to
// 8e-8 of itself: our own fit, for a from 0 to 15.
#pragma once

namespace assay::kernels {

inline constexpr float kGeluTanhLinear = -1.5957691216F;    // -2 sqrt(2 / pi)
inline constexpr float kGeluTanhCubic = -0.0713548162726F;  // times 0.044715

inline constexpr float kGeluHigh = 15.0F;  // P(X > 15) rounds to 0
inline constexpr float kGeluSlope = 0.28F;
static constexpr float kGeluSeries[] = {0.0232955217F, -0.085839048F, 0.0749405175F, 0.0148790665F, 0.0574232712F,
                                        0.0902869254F, 0.101393312F,  0.111929327F,  0.111691147F};

}  // namespace assay::kernels
