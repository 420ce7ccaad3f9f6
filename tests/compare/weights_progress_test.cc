#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "compare/weights.h"

namespace assay::compare {
namespace {

WeightSource kingjames() {
  return WeightSource(gguf::File::open(std::string(ASSAY_MODELS) + "/kingjames-7m.f16.gguf"));
}

TEST(CompareWeights, ReportsEveryTensorOfTheReferenceOnce) {
  const WeightSource source = kingjames();
  std::vector<std::uint64_t> expected;
  for (const auto& [name, tensor] : source.tensors()) {
    expected.push_back(tensor.values() + (expected.empty() ? 0 : expected.back()));
  }
  std::vector<std::uint64_t> reported;
  compare_weights(source, source, 2, [&](std::uint64_t done) { reported.push_back(done); });
  EXPECT_EQ(reported, expected);
}

// Inside a thread team an exception would end the program.
TEST(CompareWeights, ProgressMayThrow) {
  const WeightSource source = kingjames();
  EXPECT_THROW(compare_weights(source, source, 2, [](std::uint64_t) { throw std::runtime_error("enough"); }),
               std::runtime_error);
}

}  // namespace
}  // namespace assay::compare
