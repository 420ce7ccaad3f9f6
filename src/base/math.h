// Functions of analysis in double precision with the same bits on every CPU. glibc's choose an implementation by CPU,
// and its last bit differs between them; these use only additions, multiplications and divisions in a fixed order
// (built with -ffp-contract=off). Error below 1.5 ulp over the ranges stated unless said otherwise, tested against long
// double.
#pragma once

#include <cstddef>

namespace assay {

/// e^x; 0 below -745.2, +inf above 709.78; NaN stays NaN.
double portable_exp(double x);
/// Of n values, several at once; `out` may be `x`.
void portable_exps(const double* x, std::size_t n, double* out);

/// Natural logarithm; -inf at 0, NaN below.
double portable_log(double x);

/// For |x| <= 2^23 radians (context positions times a frequency of at most 1); NaN beyond.
double portable_sin(double x);
double portable_cos(double x);

/// Error below 2.5 ulp.
double portable_tanh(double x);

/// 1 - erf(x) = 2 / sqrt(pi) times the integral of e^(-t^2) over t > x. Error below 1e-15 everywhere, below 4 ulp
/// from 2 on; 0 above 27.3.
double portable_erfc(double x);

/// x^y = e^(y log x) for finite x > 0 and finite y; NaN otherwise.
double portable_pow(double x, double y);

}  // namespace assay
