#include "engine/sampler.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace assay::engine {
namespace {

Rows one_row(const std::vector<float>& values) { return {values.data(), nullptr, 1, values.size()}; }

TEST(RandomGenerator, StartsWithSplitmix) {
  // splitmix64 of 1234567 is a published vector: 6457827717110365317, 3203168211198807973, ... The first number of
  // xoshiro256** depends on the second word only.
  RandomGenerator random(1234567);
  const std::uint64_t word = 3203168211198807973ULL * 5;
  EXPECT_EQ(random.next(), (word << 7 | word >> 57) * 9);
}

TEST(RandomGenerator, UniformStaysBelowOne) {
  RandomGenerator random(5);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.015);
}

TEST(Sampler, GreedyTakesTheLowestOfEquals) {
  Sampler sampler({});
  EXPECT_EQ(sampler.sample(one_row({1, 3, 3, 2})), 1);
  EXPECT_EQ(sampler.sample(one_row({-std::numeric_limits<float>::infinity(), -5})), 1);
}

TEST(Sampler, GreedyReadsFloat64Unrounded) {
  const std::vector<double> values = {1, 1 + 1e-12};
  Sampler sampler({});
  EXPECT_EQ(sampler.sample({nullptr, values.data(), 1, 2}), 1);
}

TEST(Sampler, TakesTheLastRow) {
  const std::vector<float> values = {9, 0, 0, 0, 0, 9};
  Sampler sampler({});
  EXPECT_EQ(sampler.sample({values.data(), nullptr, 2, 3}), 2);
}

TEST(Sampler, NothingToChoose) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const double temperature : {0.0, 1.0}) {
    SamplerOptions options;
    options.temperature = temperature;
    Sampler sampler(options);
    EXPECT_THROW(sampler.sample(one_row({-infinity, -infinity})), Error);
    EXPECT_THROW(sampler.sample(one_row({1, std::nanf("")})), Error);
    EXPECT_THROW(sampler.sample(one_row({infinity, 1})), Error);
  }
}

TEST(Sampler, ImpossibleTokensAreNeverDrawn) {
  SamplerOptions options;
  options.temperature = 5;
  Sampler sampler(options);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(sampler.sample(one_row({-std::numeric_limits<float>::infinity(), 0})), 1);
}

TEST(Sampler, RangesAreChecked) {
  const double nan = std::nan("");
  const auto refuses = [](auto change) {
    SamplerOptions options;
    change(options);
    try {
      Sampler sampler(options);
    } catch (const Error& error) {
      return error.kind() == ErrorKind::usage && !error.hint().empty();
    }
    return false;
  };
  for (const double bad : {-0.1, nan, double{INFINITY}}) {
    EXPECT_TRUE(refuses([&](SamplerOptions& o) { o.temperature = bad; })) << bad;
    EXPECT_TRUE(refuses([&](SamplerOptions& o) { o.top_p = bad; })) << bad;
    EXPECT_TRUE(refuses([&](SamplerOptions& o) { o.min_p = bad; })) << bad;
    EXPECT_TRUE(refuses([&](SamplerOptions& o) { o.repetition_penalty = bad; })) << bad;
  }
  for (const double bad : {-101.0, 101.0, nan}) {
    EXPECT_TRUE(refuses([&](SamplerOptions& o) { o.frequency_penalty = bad; })) << bad;
    EXPECT_TRUE(refuses([&](SamplerOptions& o) { o.presence_penalty = bad; })) << bad;
  }
  EXPECT_TRUE(refuses([](SamplerOptions& o) { o.top_p = 0; }));
  EXPECT_TRUE(refuses([](SamplerOptions& o) { o.top_p = 1.01; }));
  EXPECT_TRUE(refuses([](SamplerOptions& o) { o.repetition_penalty = 0; }));
  EXPECT_FALSE(refuses([](SamplerOptions&) {}));
}

TEST(Sampler, PenaltiesForgetWhatLeftTheWindow) {
  SamplerOptions options;
  options.temperature = 1;
  options.presence_penalty = 3;
  options.penalty_window = 2;
  Sampler sampler(options);
  for (const int token : {0, 1, 2}) sampler.accept(token);
  const auto candidates = sampler.distribution(one_row({1, 1, 1, 1}));
  EXPECT_EQ(candidates[0].logit, 1);
  EXPECT_EQ(candidates[1].logit, -2);
  EXPECT_EQ(candidates[2].logit, -2);
  EXPECT_EQ(candidates[3].logit, 1);
}

}  // namespace
}  // namespace assay::engine
