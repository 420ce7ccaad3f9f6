// Against long double from the C library: 64 bits of mantissa, so its own error is a thousandth of our ulp.
#include "base/math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace assay {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double error_in_ulp(double value, long double exact) {
  const auto nearest = static_cast<double>(exact);
  if (nearest == 0.0) return value == 0.0 ? 0.0 : kInfinity;
  const double magnitude = std::fabs(nearest);
  // Above zero, so that the spacing is right at powers of two too.
  const double ulp = std::nextafter(magnitude, kInfinity) - magnitude;
  return static_cast<double>(std::fabs(static_cast<long double>(value) - exact)) / ulp;
}

/// The largest error of `ours` over `count` points drawn by `draw`.
template <typename Draw, typename Ours, typename Exact>
double worst_error(int count, Draw draw, Ours ours, Exact exact) {
  std::mt19937_64 random(7);
  double worst = 0;
  for (int i = 0; i < count; ++i) {
    const double x = draw(random);
    const double error = error_in_ulp(ours(x), exact(static_cast<long double>(x)));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

auto uniform(double low, double high) {
  return [=](std::mt19937_64& random) { return std::uniform_real_distribution<double>(low, high)(random); };
}

/// Every binary exponent equally likely.
auto logarithmic(double low, double high) {
  return [=](std::mt19937_64& random) {
    return std::exp2(std::uniform_real_distribution<double>(std::log2(low), std::log2(high))(random));
  };
}

constexpr int kPoints = 200'000;
constexpr double kBound = 1.5;

TEST(PortableExp, StaysWithinItsBound) {
  const auto exact = [](long double x) { return std::exp(x); };
  EXPECT_LT(worst_error(kPoints, uniform(-1, 1), portable_exp, exact), kBound);
  EXPECT_LT(worst_error(kPoints, uniform(-745, 709.7), portable_exp, exact), kBound);
  EXPECT_LT(worst_error(kPoints, logarithmic(1e-300, 1e-3), portable_exp, exact), kBound);
}

TEST(PortableExp, Ends) {
  EXPECT_EQ(portable_exp(0.0), 1.0);
  EXPECT_EQ(portable_exp(-745.3), 0.0);
  EXPECT_EQ(portable_exp(-kInfinity), 0.0);
  EXPECT_EQ(portable_exp(709.79), kInfinity);
  EXPECT_EQ(portable_exp(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(portable_exp(std::nan(""))));
}

TEST(PortableExp, SeveralAtOnceAreTheSame) {
  std::mt19937_64 random(7);
  const auto draw = uniform(-760, 720);
  std::vector<double> values = {0.0, -0.0, kInfinity, -kInfinity, 5e-324, -745.1, -745.3, -746.0, 709.78, 709.79};
  while (values.size() < 10'001) values.push_back(draw(random));
  values[5000] = std::nan("");
  std::vector<double> exps = values;
  portable_exps(exps.data(), exps.size(), exps.data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double alone = portable_exp(values[i]);
    if (i == 5000) {
      EXPECT_TRUE(std::isnan(exps[i]));
    } else {
      ASSERT_EQ(std::bit_cast<std::uint64_t>(exps[i]), std::bit_cast<std::uint64_t>(alone)) << values[i];
    }
  }
}

TEST(PortableLog, StaysWithinItsBound) {
  const auto exact = [](long double x) { return std::log(x); };
  EXPECT_LT(worst_error(kPoints, uniform(0.5, 2), portable_log, exact), kBound);
  EXPECT_LT(worst_error(kPoints, uniform(0.999, 1.001), portable_log, exact), kBound);
  EXPECT_LT(worst_error(kPoints, logarithmic(1e-307, 1e308), portable_log, exact), kBound);
  EXPECT_LT(worst_error(kPoints, logarithmic(5e-324, 1e-308), portable_log, exact), kBound);
}

TEST(PortableLog, Ends) {
  EXPECT_EQ(portable_log(1.0), 0.0);
  EXPECT_EQ(portable_log(0.0), -kInfinity);
  EXPECT_EQ(portable_log(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(portable_log(-1.0)));
  EXPECT_TRUE(std::isnan(portable_log(std::nan(""))));
}

TEST(PortableSinCos, StayWithinTheirBound) {
  const auto exact_sin = [](long double x) { return std::sin(x); };
  const auto exact_cos = [](long double x) { return std::cos(x); };
  for (const double range : {0.8, 10.0, 1000.0, 0x1p23}) {
    EXPECT_LT(worst_error(kPoints, uniform(-range, range), portable_sin, exact_sin), kBound) << range;
    EXPECT_LT(worst_error(kPoints, uniform(-range, range), portable_cos, exact_cos), kBound) << range;
  }
}

TEST(PortableSinCos, StayWithinTheirBoundNextToTheirZeros) {
  double worst = 0;
  for (long long k = 1; k < 5'000'000; k += 37) {
    // The double nearest to k * pi / 2, where the argument reduction loses most.
    const auto x = static_cast<double>(static_cast<long double>(k) * 1.570796326794896619231321691639751442L);
    const long double exact =
        k % 2 == 0 ? std::sin(static_cast<long double>(x)) : std::cos(static_cast<long double>(x));
    worst = std::max(worst, error_in_ulp(k % 2 == 0 ? portable_sin(x) : portable_cos(x), exact));
  }
  EXPECT_LT(worst, kBound);
}

TEST(PortableSinCos, Ends) {
  EXPECT_EQ(portable_sin(0.0), 0.0);
  EXPECT_TRUE(std::signbit(portable_sin(-0.0)));
  EXPECT_EQ(portable_cos(0.0), 1.0);
  EXPECT_TRUE(std::isnan(portable_sin(0x1.1p23)));
  EXPECT_TRUE(std::isnan(portable_cos(-kInfinity)));
}

TEST(PortableTanh, StaysWithinItsBound) {
  const auto exact = [](long double x) { return std::tanh(x); };
  EXPECT_LT(worst_error(kPoints, uniform(-1, 1), portable_tanh, exact), 2.5);
  EXPECT_LT(worst_error(kPoints, uniform(-25, 25), portable_tanh, exact), 2.5);
  EXPECT_LT(worst_error(kPoints, logarithmic(1e-300, 1e-3), portable_tanh, exact), 2.5);
}

TEST(PortableTanh, Ends) {
  EXPECT_EQ(portable_tanh(kInfinity), 1.0);
  EXPECT_EQ(portable_tanh(-kInfinity), -1.0);
  EXPECT_TRUE(std::signbit(portable_tanh(-0.0)));
  EXPECT_TRUE(std::isnan(portable_tanh(std::nan(""))));
}

TEST(PortableErfc, StaysWithinItsBound) {
  const auto exact = [](long double x) { return std::erfc(x); };
  EXPECT_LT(worst_error(kPoints, uniform(2, 26), portable_erfc, exact), 4);
  double worst = 0;
  for (double x = -7; x < 2.5; x += 0x1p-14) {
    const long double difference = static_cast<long double>(portable_erfc(x)) - exact(static_cast<long double>(x));
    worst = std::max(worst, static_cast<double>(std::fabs(difference)));
  }
  EXPECT_LT(worst, 1e-15);
}

TEST(PortableErfc, Ends) {
  EXPECT_EQ(portable_erfc(0.0), 1.0);
  EXPECT_EQ(portable_erfc(27.3), 0.0);
  EXPECT_EQ(portable_erfc(kInfinity), 0.0);
  EXPECT_EQ(portable_erfc(-kInfinity), 2.0);
  EXPECT_TRUE(std::isnan(portable_erfc(std::nan(""))));
}

TEST(PortablePow, StaysWithinItsBound) {
  for (const double base : {10000.0, 500000.0, 1e6, 0.3, 1.0001}) {
    const auto ours = [=](double y) { return portable_pow(base, y); };
    const auto exact = [=](long double y) { return std::pow(static_cast<long double>(base), y); };
    EXPECT_LT(worst_error(kPoints / 4, uniform(-1, 1), ours, exact), kBound) << base;
    EXPECT_LT(worst_error(kPoints / 4, uniform(-48, 48), ours, exact), kBound) << base;
  }
}

TEST(PortablePow, Ends) {
  EXPECT_EQ(portable_pow(2.0, 0.0), 1.0);
  EXPECT_EQ(portable_pow(2.0, 10.0), 1024.0);
  EXPECT_EQ(portable_pow(2.0, 2000.0), kInfinity);
  EXPECT_EQ(portable_pow(2.0, -2000.0), 0.0);
  EXPECT_TRUE(std::isnan(portable_pow(-1.0, 2.0)));
}

// The bits themselves: a compiler that fused or reordered anything would change some of these.
TEST(PortableMath, BitsAreFixed) {
  std::uint64_t hash = 14695981039346656037U;
  const auto mix = [&](double value) { hash = (hash ^ std::bit_cast<std::uint64_t>(value)) * 1099511628211U; };
  for (int i = 1; i <= 10000; ++i) {
    mix(portable_exp(i * 0.013 - 60));
    mix(portable_log(i * 0.37));
    mix(portable_sin(i * 1.7));
    mix(portable_cos(i * 311.3));
    mix(portable_pow(10000.0, -i / 10000.0));
    mix(portable_tanh(i * 0.0021 - 10));
    mix(portable_erfc(i * 0.0013 - 6));
  }
  EXPECT_EQ(hash, 13817293398945625974U);
}

}  // namespace
}  // namespace assay
