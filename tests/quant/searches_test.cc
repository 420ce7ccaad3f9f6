// The table of searches for AVX2 and the one for every CPU find the same, to the bit.
#include "quant/searches.h"

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace assay::quant {
namespace {

struct Found {
  AffineGroups affine{};
  float scale[kMostSearched] = {};
  std::int16_t quant[kSearched] = {};

  bool operator==(const Found& other) const {
    return std::memcmp(&affine, &other.affine, sizeof affine) == 0 &&
           std::memcmp(scale, other.scale, sizeof scale) == 0 && std::memcmp(quant, other.quant, sizeof quant) == 0;
  }
};

std::vector<Found> all_of(const Searches& table, const float* x, const float* weights) {
  constexpr AffineSteps kPlain = {-0.5F, 0.1F, 15, true};
  constexpr AffineSteps kSquares = {-0.9F, 0.05F, 36, false};
  std::vector<Found> results(8);
  auto* found = results.data();
  for (const int group : {16, 32}) {
    table.affine(x, weights, group, 15, kSquares, found->affine, found->quant);
    ++found;
    table.affine(x, weights, group, 3, kPlain, found->affine, found->quant);
    ++found;
    table.of_signed(x, weights, group, 32, found->scale, found->quant);
    ++found;
  }
  table.refined(x, 4, found->scale, found->quant);
  ++found;
  table.codebook(x, weights, found->scale);
  return results;
}

TEST(Searches, OfBothTablesAreTheSame) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "this CPU has no AVX2";
  std::mt19937 random(20);
  std::normal_distribution<float> normal;
  float x[kSearched];
  float weights[kSearched];
  for (int round = 0; round < 200; ++round) {
    // Magnitudes from the smallest to the largest, groups of one value, of nothing, and with ties.
    const float size = std::ldexp(1.0F, static_cast<int>(random() % 200) - 120);
    for (int i = 0; i < kSearched; ++i) {
      x[i] = normal(random) * size;
      weights[i] = std::abs(normal(random));
    }
    if (round % 4 == 1) std::fill_n(x + 32 * (random() % 8), 32, 0.0F);
    if (round % 4 == 2) std::fill_n(x + 16 * (random() % 16), 16, size);
    if (round % 4 == 3) {
      for (float& value : x) value = std::round(value / size) * size;
    }
    ASSERT_TRUE(all_of(kPlainSearches, x, weights) == all_of(kAvx2Searches, x, weights)) << "round " << round;
  }
#else
  GTEST_SKIP() << "another CPU";
#endif
}

}  // namespace
}  // namespace assay::quant
