// Every CPU writes and reads the same bytes of every type (tests/support/digest.h).
#include "tests/support/digest.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "quant/type.h"

namespace assay::quant {
namespace {

TEST(Types, HaveTheSameBytesOnEveryCpu) {
  std::mt19937_64 random(4);
  test::Digest digest;
  const std::size_t width = 1024;
  for (const Type* type : all_types()) {
    if (!type->is_encodable()) continue;
    const auto row = test::exact_values(width, random);
    auto importance = test::exact_values(width, random);
    for (float& weight : importance) weight *= weight;
    for (const float* weights : {static_cast<const float*>(nullptr), static_cast<const float*>(importance.data())}) {
      std::vector<std::byte> bytes(width / type->block_values * type->block_bytes);
      type->encode(row.data(), width, weights, bytes.data());
      for (const std::byte byte : bytes) digest.add(static_cast<double>(byte));
      std::vector<float> values(width);
      type->decode(bytes.data(), width / type->block_values, values.data());
      digest.add(values);
    }
  }
  EXPECT_EQ(digest.value(), 10748535915625339912U);
}

}  // namespace
}  // namespace assay::quant
