#include "compare/growth.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/tiny_model.h"

namespace assay::compare {
namespace {

// A NaN in a sort's range leaves the others in any order.
TEST(GrowthMeter, RowsThatAreNoNumbersAreLeftOutOfMedians) {
  const test::LoadedModel model{test::TinyModel()};
  GrowthMeter meter(model->plan);
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> scales = {4, kNan, 3, kNan, 2, kNan, 5, 1, kNan};
  for (std::size_t value = 0; value < model->plan.values.size(); ++value) {
    const model::Value& named = model->plan.values[value];
    if (named.tap != "blk.0.out" && named.tap != "blk.1.out") continue;
    const float grown = named.tap == "blk.1.out" ? 2 : 1;
    std::vector<float> reference(scales.size() * named.width, grown);
    std::vector<float> candidate = reference;
    for (std::size_t i = 0; i < candidate.size(); ++i) candidate[i] = grown * grown * scales[i / named.width];
    meter.add(value, 0, {reference.data(), nullptr, scales.size(), named.width},
              {candidate.data(), nullptr, scales.size(), named.width});
  }
  const Growth growth = meter.finish();
  EXPECT_EQ(growth.reference, 2);
  EXPECT_EQ(growth.candidate, 4);
}

}  // namespace
}  // namespace assay::compare
