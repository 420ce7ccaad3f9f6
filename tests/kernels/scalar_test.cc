// The specification judged by exact computations: float64 over the same integers, and the block formula end to end.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernels.h"
#include "kernels/scalar/exp.h"
#include "kernels/scalar/gelu.h"
#include "quant/half.h"
#include "tests/kernels/weights.h"

namespace assay::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kUnitRoundoff = 0x1p-24;

const Kernels& scalar_kernels() { return *find_kernels("scalar"); }

// Every output lies within the error of the float32 steps that the specification counts: five roundings a block, and
// five more for its remainder.
TEST(ScalarProduct, IsTheDotProductOfTheIntegers) {
  std::mt19937_64 random(1);
  std::size_t remainders = 0;
  for (const std::uint32_t id : test::quantized_ids()) {
    const quant::Type& type = *quant::find_type(id);
    const std::size_t width = 1024;
    const std::size_t rows = 9;
    const auto weights = test::random_rows(type, rows, width, test::Fields::plain, random);
    test::Batch batch(scalar_kernels(), test::random_values(width, random), 1, type.block_values);
    const Activations x = batch.view();
    std::vector<float> out(rows);
    scalar_kernels().product[id](weights.data(), test::row_bytes(type, width), rows, x, out.data(), rows);
    for (std::size_t row = 0; row < rows; ++row) {
      const auto exact = test::exact_product(type, weights.data() + row * test::row_bytes(type, width), x);
      remainders += exact.remainders;
      EXPECT_LE(std::fabs(static_cast<double>(out[row]) - exact.value), kUnitRoundoff * exact.roundings)
          << type.name << " row " << row;
    }
  }
  EXPECT_GT(remainders, 0U);
}

TEST(ScalarProduct, IsCloseToTheModelsOwnWeights) {
  std::mt19937_64 random(2);
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    const std::size_t width = 2048;
    const std::size_t rows = 64;
    const auto weights = test::random_rows(type, rows, width, test::Fields::plain, random);
    const auto values = test::random_values(width, random, 1.0F);
    test::Batch batch(scalar_kernels(), values, 1, type.block_values);
    std::vector<float> out(rows);
    scalar_kernels().product[id](weights.data(), test::row_bytes(type, width), rows, batch.view(), out.data(), rows);
    std::vector<double> exact_weights(rows * width);
    quant::decode_exact(type, weights.data(), rows * width / type.block_values, exact_weights.data());
    double error = 0;
    double norm = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      double exact = 0;
      for (std::size_t i = 0; i < width; ++i) exact += exact_weights[row * width + i] * static_cast<double>(values[i]);
      error += std::pow(static_cast<double>(out[row]) - exact, 2);
      norm += exact * exact;
    }
    const double relative = std::sqrt(error / norm);
    std::printf("%-5s relative error %.1e\n", std::string(type.name).c_str(), relative);
    EXPECT_LT(relative, type.is_quantized() ? 1e-4 : 1e-6) << type.name;
  }
}

TEST(Quantize, IsWithinHalfAStepAndAddsUp) {
  std::mt19937_64 random(3);
  for (const std::size_t block : {std::size_t{32}, std::size_t{64}, std::size_t{256}}) {
    const std::size_t width = 1024;
    const auto values = test::random_values(width, random);
    test::Batch batch(scalar_kernels(), values, 1, block);
    const Activations x = batch.view();
    for (std::size_t i = 0; i < width; ++i) {
      const auto d = static_cast<double>(x.d[i / block]);
      // v * (1 / d) is rounded twice before it is rounded to an integer: 32767 * 2^-23 of a step more.
      EXPECT_LE(std::fabs(test::activation(x, i) * d - static_cast<double>(values[i])), 0.505 * d) << i;
    }
    for (std::size_t group = 0; group < width / 16; ++group) {
      double sum = 0;
      for (std::size_t i = 0; i < 16; ++i) sum += test::activation(x, group * 16 + i);
      EXPECT_EQ(x.sums[group], sum);
    }
  }
}

TEST(Quantize, BlocksWithOutliersHaveARemainder) {
  std::mt19937_64 random(4);
  for (const std::size_t block : {std::size_t{32}, std::size_t{64}, std::size_t{256}}) {
    std::size_t with_remainder = 0;
    const std::size_t width = 256 * 64;
    std::vector<float> values = test::random_values(width, random, 1.0F);
    // Every other block has one value that stands out a little, much, or beyond all measure.
    for (std::size_t first = 0; first < width; first += 2 * block)
      values[first + random() % block] = std::ldexp(1.0F, static_cast<int>(random() % 24));
    test::Batch batch(scalar_kernels(), values, 1, block);
    const Activations x = batch.view();
    for (std::size_t first = 0; first < width; first += block) {
      double sum = 0;
      for (std::size_t i = first; i < first + block; ++i) sum += std::fabs(test::activation(x, i));
      const float d = x.d[first / block];
      const float remainder_d = x.remainder_d[first / block];
      ASSERT_EQ(remainder_d, sum < 2560.0 * static_cast<double>(block) ? d / 256 : 0.0F);
      with_remainder += remainder_d != 0 ? 1 : 0;
      std::int32_t remainder_sum = 0;
      for (std::size_t i = first; i < first + block; ++i) {
        remainder_sum += x.remainder[i];
        const double value = test::activation(x, i) * static_cast<double>(d) +
                             static_cast<double>(remainder_d) * static_cast<double>(x.remainder[i]);
        // Half a step of the remainder; where v / d was rounded across a half, the remainder ends at 127 of 128 steps.
        if (remainder_d != 0) {
          ASSERT_LE(std::fabs(value - static_cast<double>(values[i])), 2.3 * static_cast<double>(remainder_d)) << i;
        } else {
          ASSERT_EQ(x.remainder[i], 0);
        }
        if (i % 16 == 15) {
          ASSERT_EQ(x.remainder_sums[i / 16], remainder_sum);
          remainder_sum = 0;
        }
      }
    }
    EXPECT_GT(with_remainder, width / block / 4);
    EXPECT_LT(with_remainder, width / block * 3 / 4);
  }
}

TEST(Quantize, ExtremeBlocks) {
  struct Case {
    float value, d;
    int x;
  };
  const Case cases[] = {{0.0F, 0.0F, 0},
                        {-0.0F, 0.0F, 0},
                        {1.0F, 1.0F / 32767, 32767},
                        {-1.0F, 1.0F / 32767, -32767},
                        {std::numeric_limits<float>::max(), std::numeric_limits<float>::max() / 32767, 32767},
                        {1e-38F, 0.0F, 0},
                        {std::numeric_limits<float>::denorm_min(), 0.0F, 0}};
  for (const Case& c : cases) {
    std::vector<float> values(32, 0.0F);
    values[5] = c.value;
    test::Batch batch(scalar_kernels(), values, 1, 32);
    EXPECT_EQ(batch.view().d[0], c.d) << c.value;
    EXPECT_EQ(test::activation(batch.view(), 5), c.x) << c.value;
    EXPECT_EQ(test::activation(batch.view(), 6), 0) << c.value;
  }
  for (const float strange : {kInfinity, -kInfinity, std::nanf("")}) {
    std::vector<float> values(64, 1.0F);
    values[40] = strange;
    test::Batch batch(scalar_kernels(), values, 1, 32);
    EXPECT_EQ(test::activation(batch.view(), 3), 32767);
    EXPECT_TRUE(std::isnan(batch.view().d[1]));
    for (std::size_t i = 32; i < 64; ++i) EXPECT_EQ(test::activation(batch.view(), i), 0);
  }
}

TEST(ScalarExp, StaysWithinItsBound) {
  double worst = 0;
  for (std::int64_t i = -104'000'000; i < 88'720'000; i += 97) {
    const float x = static_cast<float>(i) * 1e-6F;
    const double exact = std::exp(static_cast<double>(x));
    const auto nearest = static_cast<float>(exact);
    const auto ulp = static_cast<double>(std::nextafter(nearest, kInfinity) - nearest);
    worst = std::max(worst, std::fabs(static_cast<double>(scalar::exp(x)) - exact) / ulp);
  }
  std::printf("exp: %.3f ulp\n", worst);
  EXPECT_LE(worst, 1.1);
}

TEST(ScalarExp, Ends) {
  EXPECT_EQ(scalar::exp(0.0F), 1.0F);
  EXPECT_EQ(scalar::exp(88.73F), kInfinity);
  EXPECT_EQ(scalar::exp(kInfinity), kInfinity);
  EXPECT_EQ(scalar::exp(-104.0F), 0.0F);
  EXPECT_EQ(scalar::exp(-kInfinity), 0.0F);
  EXPECT_GT(scalar::exp(-103.0F), 0.0F);
  EXPECT_TRUE(std::isnan(scalar::exp(std::nanf(""))));
}

TEST(ScalarTanh, StaysWithinItsBound) {
  double worst = 0;
  const auto check = [&](float x) {
    const double exact = std::tanh(static_cast<double>(x));
    const auto nearest = std::fabs(static_cast<float>(exact));
    const auto ulp = static_cast<double>(std::nextafter(nearest, kInfinity) - nearest);
    worst = std::max(worst, std::fabs(static_cast<double>(scalar::tanh(x)) - exact) / ulp);
  };
  for (std::int64_t i = -12'000'000; i < 12'000'000; i += 53) check(static_cast<float>(i) * 1e-6F);
  for (float x = 1e-37F; x < 1; x *= 1.01F) check(-x);
  std::printf("tanh: %.3f ulp\n", worst);
  EXPECT_LE(worst, 3);
}

TEST(ScalarTanh, Ends) {
  EXPECT_EQ(scalar::tanh(kInfinity), 1.0F);
  EXPECT_EQ(scalar::tanh(-50.0F), -1.0F);
  EXPECT_FALSE(std::signbit(scalar::tanh(0.0F)));
  EXPECT_TRUE(std::signbit(scalar::tanh(-0.0F)));
  EXPECT_TRUE(std::isnan(scalar::tanh(std::nanf(""))));
}

TEST(ScalarGelu, StaysWithinItsBound) {
  double worst = 0;
  double worst_tanh = 0;
  for (std::int64_t i = -16'000'000; i < 16'000'000; i += 53) {
    const float g = static_cast<float>(i) * 1e-6F;
    const auto x = static_cast<double>(g);
    const double unit = 0x1p-24 * std::fabs(x);
    const double gelu = x * 0.5 * std::erfc(-x * std::sqrt(0.5));
    worst = std::max(worst, std::fabs(static_cast<double>(scalar::gelu(g)) - gelu) / unit);
    const double tanh = x / (1 + std::exp(-2 * std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    worst_tanh = std::max(worst_tanh, std::fabs(static_cast<double>(scalar::gelu_tanh(g)) - tanh) / unit);
  }
  std::printf("gelu: %.3f, gelu_tanh: %.3f units of 2^-24 |g|\n", worst, worst_tanh);
  EXPECT_LE(worst, 4);
  EXPECT_LE(worst_tanh, 4);
}

TEST(ScalarGelu, Ends) {
  for (const auto gelu : {scalar::gelu, scalar::gelu_tanh}) {
    EXPECT_EQ(gelu(0.0F), 0.0F);
    EXPECT_EQ(gelu(1e30F), 1e30F);
    EXPECT_EQ(gelu(-1e30F), 0.0F);
    EXPECT_EQ(gelu(kInfinity), kInfinity);
    EXPECT_TRUE(std::isnan(gelu(std::nanf(""))));
  }
}

TEST(ScalarVector, AgreesWithFloat64) {
  std::mt19937_64 random(4);
  const std::size_t n = 576;
  const auto a = test::random_values(n, random);
  const auto b = test::random_values(n, random);
  std::vector<float> out(n);

  double squares = 0;
  for (const float v : a) squares += static_cast<double>(v) * static_cast<double>(v);
  const double factor = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
  scalar_kernels().rms_norm(a.data(), b.data(), 1e-5F, n, out.data());
  for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(out[i] / (a[i] * factor * b[i]), 1.0, 1e-6);

  scalar_kernels().silu_product(a.data(), b.data(), n, out.data());
  for (std::size_t i = 0; i < n; ++i) {
    const double g = static_cast<double>(a[i]);
    EXPECT_NEAR(out[i] / (g / (1 + std::exp(-g)) * static_cast<double>(b[i])), 1.0, 1e-6) << g;
  }

  scalar_kernels().scale(a.data(), 1.7F, n, out.data());
  for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(out[i], 1.7F * a[i]);
  scalar_kernels().soft_cap(a.data(), 1.7F, n, out.data());
  for (std::size_t i = 0; i < n; ++i) {
    EXPECT_NEAR(out[i] / (1.7 * std::tanh(static_cast<double>(a[i]) / static_cast<double>(1.7F))), 1.0, 1e-6) << a[i];
  }

  out = a;
  const float inverse = scalar_kernels().softmax(out.data(), n);
  const double largest = static_cast<double>(*std::max_element(a.begin(), a.end()));
  double sum = 0;
  for (const float v : a) sum += std::exp(static_cast<double>(v) - largest);
  for (std::size_t i = 0; i < n; ++i) {
    const double exact = std::exp(static_cast<double>(a[i]) - largest) / sum;
    EXPECT_NEAR(static_cast<double>(out[i]) * static_cast<double>(inverse), exact, exact * 1e-5);
  }
}

TEST(ScalarVector, AttentionAgreesWithFloat64) {
  std::mt19937_64 random(5);
  const std::size_t width = 64;
  const std::size_t count = 33;
  const std::size_t stride = 3 * width;
  const auto q = test::random_values(width, random);
  const auto weights = test::random_values(count, random);
  const auto cache = test::random_values(count * stride, random);
  std::vector<std::uint16_t> halves(cache.size());
  scalar_kernels().to_half(cache.data(), cache.size(), halves.data());
  for (const CacheFormat format : {CacheFormat::f32, CacheFormat::f16}) {
    const bool is_half = format == CacheFormat::f16;
    const void* rows = is_half ? static_cast<const void*>(halves.data()) : cache.data();
    const auto at = [&](std::size_t i) {
      return static_cast<double>(is_half ? quant::half_to_float(halves[i]) : cache[i]);
    };
    const CacheRows head = {rows, format, stride, count, width};
    std::vector<float> scores(count);
    scalar_kernels().scores(q.data(), 1, head, 0.125F, scores.data(), count);
    for (std::size_t j = 0; j < count; ++j) {
      double exact = 0;
      double magnitude = 0;
      for (std::size_t i = 0; i < width; ++i) {
        exact += 0.125 * static_cast<double>(q[i]) * at(j * stride + i);
        magnitude += std::fabs(0.125 * static_cast<double>(q[i]) * at(j * stride + i));
      }
      EXPECT_NEAR(static_cast<double>(scores[j]), exact, 8 * kUnitRoundoff * magnitude);
    }
    std::vector<float> out(width);
    scalar_kernels().weighted_sums(weights.data(), count, 1, head, out.data());
    for (std::size_t i = 0; i < width; ++i) {
      double exact = 0;
      double magnitude = 0;
      for (std::size_t j = 0; j < count; ++j) {
        exact += static_cast<double>(weights[j]) * at(j * stride + i);
        magnitude += std::fabs(static_cast<double>(weights[j]) * at(j * stride + i));
      }
      EXPECT_NEAR(static_cast<double>(out[i]), exact, 33 * kUnitRoundoff * magnitude);
    }
  }
}

TEST(ScalarVector, RotateTurnsPairs) {
  const float cosine = 0.6F;
  const float sine = 0.8F;
  std::vector<float> neighbours = {3, 4, 1, 0};
  const std::vector<float> cosines(2, cosine);
  const std::vector<float> sines(2, sine);
  scalar_kernels().rotate(neighbours.data(), cosines.data(), sines.data(), 2, 2, 1);
  EXPECT_NEAR(neighbours[0], 3 * 0.6 - 4 * 0.8, 1e-6);
  EXPECT_NEAR(neighbours[1], 3 * 0.8 + 4 * 0.6, 1e-6);
  EXPECT_NEAR(neighbours[2], 0.6, 1e-6);
  EXPECT_NEAR(neighbours[3], 0.8, 1e-6);
  std::vector<float> halves = {3, 1, 4, 0};
  scalar_kernels().rotate(halves.data(), cosines.data(), sines.data(), 2, 1, 2);
  EXPECT_EQ(halves, (std::vector<float>{neighbours[0], neighbours[2], neighbours[1], neighbours[3]}));
}

}  // namespace
}  // namespace assay::kernels
