// Arguments are reduced with constants split into several doubles; what rounding loses is carried along as a second,
// small double. The polynomials are Taylor series, cut where the next term is below a hundredth of an ulp.
#include "base/math.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace assay {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Adding and subtracting it rounds to the nearest integer, ties to even.
constexpr double kRounder = 0x1.8p52;

// ln 2 and pi / 2 in parts. All but the last have so few bits that their product with an integer (of 20 and 23 bits) is
// exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Middle = 0x1.a39ef35793c76p-33;
constexpr double kLn2Low = 0x1.cc01f97b57a08p-87;
constexpr double kHalfPi[] = {0x1.921fb54p+0, 0x1.10b46118p-30, 0x1.313198ap-61, 0x1.701b839a25205p-92};

/// The unevaluated sum high + low, |low| within an ulp or so of high.
struct Pair {
  double high, low;
};

/// Exact sum.
Pair add(double a, double b) {
  const double sum = a + b;
  const double b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

Pair add(Pair a, Pair b) {
  const Pair sum = add(a.high, b.high);
  return add(sum.high, sum.low + (a.low + b.low));
}

/// Exact product, by splitting the factors into halves of 26 bits (|a|, |b| < 2^900).
Pair multiply(double a, double b) {
  constexpr double kSplitter = 0x1p27 + 1;
  const double a_scaled = a * kSplitter;
  const double a_high = a_scaled - (a_scaled - a);
  const double a_low = a - a_high;
  const double b_scaled = b * kSplitter;
  const double b_high = b_scaled - (b_scaled - b);
  const double b_low = b - b_high;
  const double product = a * b;
  return {product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

Pair multiply(Pair a, Pair b) {
  const Pair product = multiply(a.high, b.high);
  return add(product.high, product.low + (a.high * b.low + a.low * b.high));
}

/// Coefficients from the highest power down to the constant.
template <std::size_t kCount>
double polynomial(double x, const std::array<double, kCount>& coefficients) {
  double sum = coefficients[0];
  for (std::size_t i = 1; i < kCount; ++i) sum = sum * x + coefficients[i];
  return sum;
}

/// 2^n, where `shifted` is n + kRounder: its last bits are those of n.
inline double power_of_two(double shifted) {
  return std::bit_cast<double>((std::bit_cast<std::uint64_t>(shifted) + 1023) << 52);
}

/// e^(x.high + x.low).
inline double exp_of(Pair x) {
  // Beyond these the result is 0 and infinite, as it is at them.
  const double high = std::min(std::max(x.high, -746.0), 710.0);
  // e^r = 1 + r + r^2 * (1/2! + r/3! + ...)
  static constexpr std::array<double, 13> kSeries = {
      1 / 87178291200.0, 1 / 6227020800.0, 1 / 479001600.0, 1 / 39916800.0, 1 / 3628800.0, 1 / 362880.0, 1 / 40320.0,
      1 / 5040.0,        1 / 720.0,        1 / 120.0,       1 / 24.0,       1 / 6.0,       0.5};
  const double count = (high * 0x1.71547652b82fep+0 + kRounder) - kRounder;
  const Pair rest = add(high - count * kLn2High, x.low - count * kLn2Middle);
  const double r = rest.high;
  const double value = 1.0 + (r + (rest.low + (r * rest.low + r * r * polynomial(r, kSeries))));
  // In two steps, because 2^count itself may lie outside the range of normal numbers.
  const double half = count * 0.5 + kRounder;
  return value * power_of_two(half) * power_of_two((count - (half - kRounder)) + kRounder);
}

/// ln x to about 65 bits, for finite x > 0.
Pair log_of(double x) {
  int exponent = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    exponent = -54;
  }
  // x = 2^exponent * m with m in [1/sqrt 2, sqrt 2).
  auto bits = std::bit_cast<std::uint64_t>(x);
  constexpr std::uint64_t kHalfRoot = 0x3FE6A09E667F3BCDU;
  const std::uint64_t shifted = bits - kHalfRoot;
  const int steps = static_cast<int>(static_cast<std::int64_t>(shifted) >> 52);
  exponent += steps;
  bits -= static_cast<std::uint64_t>(static_cast<std::int64_t>(steps)) << 52;
  const double m = std::bit_cast<double>(bits);

  // ln m = 2 atanh(s) = 2 s (1 + s^2 / 3 + s^4 / 5 + ...) with s = (m - 1) / (m + 1).
  const double numerator = m - 1.0;
  const Pair denominator = add(m, 1.0);
  const double quotient = numerator / denominator.high;
  const Pair product = multiply({quotient, 0.0}, denominator);
  const Pair s = add(quotient, ((numerator - product.high) - product.low) / denominator.high);
  static constexpr std::array<double, 9> kSeries = {1 / 21.0, 1 / 19.0, 1 / 17.0, 1 / 15.0, 1 / 13.0,
                                                    1 / 11.0, 1 / 9.0,  1 / 7.0,  1 / 5.0};
  static constexpr Pair kThird = {1 / 3.0, 0x1.5555555555555p-56};
  const Pair square = multiply(s, s);
  const double tail = square.high * square.high * polynomial(square.high, kSeries);
  Pair series = add(multiply(square, kThird), {tail, 0.0});
  series = multiply(s, series);
  const Pair mantissa_log = add({2.0 * s.high, 2.0 * s.low}, {2.0 * series.high, 2.0 * series.low});
  const Pair exponent_log = add({exponent * kLn2High, 0.0}, add(exponent * kLn2Middle, exponent * kLn2Low));
  return add(exponent_log, mantissa_log);
}

constexpr double kInverseRootPi = 0.56418958354775628695;

/// 2^n / (1 * 3 * 5 * ... * (2n + 1)), from the highest power down.
constexpr auto kErfSeries = [] {
  std::array<double, 32> series{};
  double term = 1;
  for (std::size_t n = 0; n < series.size(); ++n) {
    series[series.size() - 1 - n] = term;
    term *= 2.0 / (2.0 * static_cast<double>(n) + 3.0);
  }
  return series;
}();

/// x = quarter * pi / 2 + rest, |rest| <= pi / 4.
struct Reduced {
  unsigned quarter;
  Pair rest;
};

Reduced reduce(double x) {
  const double count = (x * 0x1.45f306dc9c883p-1 + kRounder) - kRounder;
  const Pair first = add(x - count * kHalfPi[0], -count * kHalfPi[1]);
  const Pair second = add(first.high, -count * kHalfPi[2]);
  const Pair rest = add(second.high, (first.low + second.low) - count * kHalfPi[3]);
  return {static_cast<unsigned>(static_cast<std::int64_t>(count)) & 3U, rest};
}

double sin_of(Pair x) {
  static constexpr std::array<double, 8> kSeries = {
      1 / 355687428096000.0, -1 / 1307674368000.0, 1 / 6227020800.0, -1 / 39916800.0,
      1 / 362880.0,          -1 / 5040.0,          1 / 120.0,        -1 / 6.0};
  const double square = x.high * x.high;
  return x.high + (x.high * square * polynomial(square, kSeries) + x.low * (1.0 - 0.5 * square));
}

double cos_of(Pair x) {
  static constexpr std::array<double, 8> kSeries = {
      -1 / 6402373705728000.0, 1 / 20922789888000.0, -1 / 87178291200.0, 1 / 479001600.0,
      -1 / 3628800.0,          1 / 40320.0,          -1 / 720.0,         1 / 24.0};
  const double square = x.high * x.high;
  const double half = 0.5 * square;
  const double first = 1.0 - half;
  return first + (((1.0 - first) - half) + (square * square * polynomial(square, kSeries) - x.high * x.low));
}

/// sin(x + quarters * pi / 2).
double shifted_sin(double x, unsigned quarters) {
  if (!(std::fabs(x) <= 0x1p23)) return kNan;
  const Reduced reduced = reduce(x);
  const unsigned quarter = (reduced.quarter + quarters) & 3U;
  const double value = (quarter & 1U) != 0 ? cos_of(reduced.rest) : sin_of(reduced.rest);
  return (quarter & 2U) != 0 ? -value : value;
}

}  // namespace

double portable_exp(double x) { return exp_of({x, 0.0}); }

// The widest vectors that the CPU has, chosen when the program starts; without fused operations all give the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("default", "avx2", "avx512f")))
#endif
void portable_exps(const double* x, std::size_t n, double* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = exp_of({x[i], 0.0});
}

double portable_log(double x) {
  if (x == 0.0) return -kInfinity;
  if (!(x > 0.0)) return kNan;
  if (x == kInfinity) return x;
  const Pair log = log_of(x);
  return log.high + log.low;
}

double portable_tanh(double x) {
  const double size = std::fabs(x);
  if (size > 20.0) return std::copysign(1.0, x);
  if (size > 0.55) {
    const double small = portable_exp(-2.0 * size);
    return std::copysign((1.0 - small) / (1.0 + small), x);
  }
  // sinh x / cosh x; the exponential would lose the digits of a small x.
  static constexpr std::array<double, 7> kSinh = {1 / 1307674368000.0, 1 / 6227020800.0, 1 / 39916800.0, 1 / 362880.0,
                                                  1 / 5040.0,          1 / 120.0,        1 / 6.0};
  static constexpr std::array<double, 7> kCosh = {
      1 / 87178291200.0, 1 / 479001600.0, 1 / 3628800.0, 1 / 40320.0, 1 / 720.0, 1 / 24.0, 0.5};
  const double square = x * x;
  return (x + x * square * polynomial(square, kSinh)) / (1.0 + square * polynomial(square, kCosh));
}

double portable_erfc(double x) {
  if (x < 0.0) return 2.0 - portable_erfc(-x);
  if (x > 28.0) return 0.0;
  const Pair square = multiply(x, x);
  const double bell = exp_of({-square.high, -square.low}) * kInverseRootPi;
  if (x < 2.0) {
    // Abramowitz and Stegun, 7.1.6: no term is negative.
    return 1.0 - 2.0 * bell * (x * polynomial(square.high, kErfSeries));
  }
  // 7.1.14: a continued fraction, which converges the faster the larger x is.
  double rest = x;
  for (int level = 60; level > 0; --level) rest = x + 0.5 * level / rest;
  return bell / rest;
}

double portable_sin(double x) { return x == 0.0 ? x : shifted_sin(x, 0); }

double portable_cos(double x) { return shifted_sin(x, 1); }

double portable_pow(double x, double y) {
  if (!(x > 0.0) || x == kInfinity || !std::isfinite(y)) return kNan;
  const Pair log = log_of(x);
  const double estimate = log.high * y;
  if (!(std::fabs(estimate) < 1000.0)) return exp_of({estimate, 0.0});
  return exp_of(multiply(log, {y, 0.0}));
}

}  // namespace assay
