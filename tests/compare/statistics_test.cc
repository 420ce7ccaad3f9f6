#include "compare/statistics.h"

#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace assay::compare {
namespace {

TEST(Statistics, ErrorOfEqualBlocksIsThatOfTheirMeans) {
  // 16 chunks of 2 values, both 0, 1, ... 15 in turn: as if there were 16 values, not 32.
  std::vector<double> values;
  for (int chunk = 0; chunk < 16; ++chunk) values.insert(values.end(), 2, chunk);
  const Estimate estimate = mean_over_blocks(values, 2);
  EXPECT_DOUBLE_EQ(estimate.mean, 7.5);
  // sum over blocks of (b - 7.5)^2 is 340.
  EXPECT_DOUBLE_EQ(estimate.standard_error, std::sqrt(340.0 / 15 / 16));
  EXPECT_DOUBLE_EQ(estimate.independent_error, std::sqrt(340.0 / 16 / 31));
}

TEST(Statistics, FewChunksAreCutIntoParts) {
  // One chunk of 32: 16 parts of 2.
  std::vector<double> values;
  for (int part = 0; part < 16; ++part) values.insert(values.end(), 2, part);
  EXPECT_DOUBLE_EQ(mean_over_blocks(values, 32).standard_error, std::sqrt(340.0 / 15 / 16));
  // Fewer values than blocks: each is a block.
  const std::vector<double> few = {1, 2, 6};
  EXPECT_DOUBLE_EQ(mean_over_blocks(few, 3).standard_error, std::sqrt(14.0 / 2 / 3));
  EXPECT_EQ(mean_over_blocks(std::vector<double>{5}, 1).standard_error, 0);
}

TEST(Statistics, PercentilesLieBetweenNeighbours) {
  std::vector<double> values(11);
  std::iota(values.begin(), values.end(), 0.0);
  EXPECT_DOUBLE_EQ(percentile(values, 0), 0);
  EXPECT_DOUBLE_EQ(percentile(values, 0.5), 5);
  EXPECT_DOUBLE_EQ(percentile(values, 0.99), 9.9);
  EXPECT_DOUBLE_EQ(percentile(values, 1), 10);
  const Spread of = spread({3, 1, 2, 10}, 4);
  EXPECT_DOUBLE_EQ(of.median, 2.5);
  EXPECT_DOUBLE_EQ(of.max, 10);
  EXPECT_DOUBLE_EQ(of.mean.mean, 4);
}

}  // namespace
}  // namespace assay::compare
