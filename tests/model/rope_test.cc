// Rotary frequencies by their formulas. tests/engine/llama_cpp_test.py holds them to another implementation.
#include "model/rope.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/error.h"

namespace assay::model {
namespace {

HyperParameters plain() {
  HyperParameters hp{};
  hp.source = "tiny.gguf";
  hp.context_length = 131072;
  hp.rope_dimension_count = 64;
  hp.rope_freq_base = 500000;
  hp.rope_scaling_type = "none";
  hp.rope_scaling_factor = 1;
  hp.rope_scaling_attn_factor = 1;
  hp.rope_scaling_original_context_length = 8192;
  hp.rope_scaling_yarn_ext_factor = 1;
  hp.rope_scaling_yarn_beta_fast = 32;
  hp.rope_scaling_yarn_beta_slow = 1;
  return hp;
}

TEST(Rope, PlainFrequenciesArePowersOfTheBase) {
  const RopeTable table = rope_table(plain(), {});
  ASSERT_EQ(table.frequencies.size(), 32U);
  EXPECT_EQ(table.magnitude, 1.0);
  EXPECT_EQ(table.frequencies[0], 1.0);
  for (std::size_t i = 0; i < 32; ++i) {
    const long double exact = std::pow(500000.0L, -2.0L * static_cast<long double>(i) / 64.0L);
    EXPECT_NEAR(table.frequencies[i] / static_cast<double>(exact), 1, 4e-15) << i;
  }
}

/// At the last position of a long context the angle is still good to 1e-11 radians.
TEST(Rope, FrequenciesHoldAtLargePositions) {
  const RopeTable table = rope_table(plain(), {});
  for (std::size_t i = 0; i < 32; ++i) {
    const long double exact = 131071.0L * std::pow(500000.0L, -2.0L * static_cast<long double>(i) / 64.0L);
    EXPECT_NEAR(131071.0 * table.frequencies[i], static_cast<double>(exact), 4e-11) << i;
  }
}

TEST(Rope, LinearScalingAndFactorsDivide) {
  HyperParameters hp = plain();
  const RopeTable unscaled = rope_table(hp, {});
  hp.rope_scaling_type = "linear";
  hp.rope_scaling_factor = 4;
  std::vector<double> factors(32, 1);
  factors[5] = 8;
  const RopeTable table = rope_table(hp, factors);
  EXPECT_EQ(table.frequencies[4], unscaled.frequencies[4] / 4);
  EXPECT_EQ(table.frequencies[5], unscaled.frequencies[5] / 32);
  EXPECT_EQ(table.magnitude, 1.0);
  hp.rope_scaling_type = "none";  // a factor without a type that uses it
  EXPECT_EQ(rope_table(hp, {}).frequencies, unscaled.frequencies);
}

TEST(Rope, YarnKeepsFastPairsAndStretchesSlowOnes) {
  HyperParameters hp = plain();
  const RopeTable unscaled = rope_table(hp, {});
  hp.rope_scaling_type = "yarn";
  hp.rope_scaling_factor = 16;
  const RopeTable table = rope_table(hp, {});
  // Pairs that turn 32 times within the original context: i < 64 ln(8192 / (2 pi 32)) / (2 ln 500000) = 9.04.
  // Pairs that turn less than once: i > 64 ln(8192 / (2 pi)) / (2 ln 500000) = 17.49.
  for (std::size_t i = 0; i <= 9; ++i) EXPECT_EQ(table.frequencies[i], unscaled.frequencies[i]) << i;
  for (std::size_t i = 18; i < 32; ++i) EXPECT_EQ(table.frequencies[i], unscaled.frequencies[i] / 16) << i;
  const double share = 1 - (12.0 - 9.0) / (18.0 - 9.0);
  EXPECT_NEAR(table.frequencies[12], unscaled.frequencies[12] * (share + (1 - share) / 16), 1e-17);
  EXPECT_NEAR(table.magnitude, 1 + 0.1 * std::log(16.0), 1e-15);

  hp.rope_scaling_yarn_log_multiplier = 1;
  EXPECT_EQ(rope_table(hp, {}).magnitude, 1.0);
  hp.rope_scaling_attn_factor = 0.5;
  EXPECT_EQ(rope_table(hp, {}).magnitude, 0.5);
  hp.rope_scaling_yarn_ext_factor = 0;  // no ramp at all: linear
  EXPECT_EQ(rope_table(hp, {}).frequencies[0], unscaled.frequencies[0] / 16);
}

TEST(Rope, RefusesTurnsThatCannotBeComputed) {
  HyperParameters hp = plain();
  hp.context_length = kMaxContextLength;
  EXPECT_NO_THROW(rope_table(hp, {}));
  const std::vector<double> factors(32, 0.5);
  EXPECT_THROW(rope_table(hp, factors), Error);
}

}  // namespace
}  // namespace assay::model
