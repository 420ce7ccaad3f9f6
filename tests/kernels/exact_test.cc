// The oracle's float64 functions: every instruction set gives the bits of quant::decode_exact and of the declared sum.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernels.h"
#include "tests/kernels/weights.h"

namespace assay::kernels {
namespace {

using test::Fields;

/// The same bits; a NaN equals every NaN.
bool same_bits(double ours, double specified) {
  return (std::isnan(ours) && std::isnan(specified)) ||
         std::bit_cast<std::uint64_t>(ours) == std::bit_cast<std::uint64_t>(specified);
}

std::vector<double> random_doubles(std::size_t count, std::mt19937_64& random) {
  std::vector<double> values(count);
  for (double& value : values) value = std::normal_distribution<double>()(random);
  return values;
}

/// Written from the declaration, lane by lane.
double declared_dot(const std::vector<double>& a, const double* b) {
  double lane[16] = {};
  for (std::size_t i = 0; i < a.size(); ++i) lane[i % 16] += a[i] * b[i];
  for (const std::size_t half : {8, 4, 2, 1}) {
    for (std::size_t j = 0; j < half; ++j) lane[j] += lane[j + half];
  }
  return lane[0];
}

class EveryExact : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    kernels_ = find_kernels(GetParam());
    if (kernels_ == nullptr) GTEST_SKIP() << "this machine lacks " << GetParam();
  }
  const Kernels* kernels_ = nullptr;
  std::mt19937_64 random_{5};
};

TEST_P(EveryExact, RowsHaveTheSpecifiedBits) {
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    for (const std::size_t units : {1, 2, 3, 7, 16, 17, 31, 100}) {
      if (test::kIsEmulated && units > 17) continue;
      const std::size_t width = units * type.block_values;
      for (const Fields fields : {Fields::plain, Fields::extreme}) {
        const auto row = test::random_rows(type, 1, width, fields, random_);
        const auto x = random_doubles(width, random_);
        std::vector<double> specified(width);
        quant::decode_exact(type, row.data(), units, specified.data());
        std::vector<double> ours(width + 1, 7.0);
        kernels_->exact[id].decode(row.data(), width, ours.data());
        EXPECT_EQ(ours.back(), 7.0) << "written past the row";
        for (std::size_t i = 0; i < width; ++i) {
          ASSERT_TRUE(same_bits(ours[i], specified[i])) << type.name << " width " << width << " value " << i;
        }
        ASSERT_TRUE(same_bits(kernels_->exact[id].dot(row.data(), x.data(), width), declared_dot(specified, x.data())))
            << type.name << " width " << width;
      }
    }
  }
}

TEST_P(EveryExact, ProductsAndWeightedSumsAreThoseDeclared) {
  for (const std::size_t width : {1, 16, 31, 64, 200, 512, 530, 1040}) {
    for (const std::size_t count : {1, 2, 3, 5, 9}) {
      for (const std::size_t x_count : {1, 2, 33}) {
        const std::size_t stride = width + 3;
        const auto rows = random_doubles(count * stride, random_);
        const auto x = random_doubles(x_count * stride, random_);
        std::vector<double> out(x_count * (count + 1), 7.0);
        kernels_->product_exact(rows.data(), stride, count, x.data(), stride, x_count, width, out.data(), count + 1);
        for (std::size_t i = 0; i < x_count; ++i) {
          EXPECT_EQ(out[i * (count + 1) + count], 7.0) << "written between the rows";
          const std::vector<double> one(x.data() + i * stride, x.data() + i * stride + width);
          for (std::size_t r = 0; r < count; ++r) {
            ASSERT_TRUE(same_bits(out[i * (count + 1) + r], declared_dot(one, rows.data() + r * stride)))
                << width << ", row " << r << " of " << count << ", x " << i;
          }
        }
      }
      const std::size_t stride = width + 5;
      const auto rows = random_doubles(count * stride, random_);
      const auto weights = random_doubles(count, random_);
      std::vector<double> sums(width + 1, 7.0);
      kernels_->weighted_sum_exact(weights.data(), rows.data(), stride, count, width, sums.data());
      EXPECT_EQ(sums.back(), 7.0) << "written past the row";
      for (std::size_t c = 0; c < width; ++c) {
        double sum = 0;
        for (std::size_t j = 0; j < count; ++j) sum += weights[j] * rows[j * stride + c];
        ASSERT_TRUE(same_bits(sums[c], sum)) << width << ", channel " << c << ", rows " << count;
      }
    }
  }
}

TEST_P(EveryExact, ATypeWithAProductHasRows) {
  const Kernels& scalar = *find_kernels("scalar");
  for (std::uint32_t id = 0; id < kMaxTypes; ++id) {
    const bool has_product = kernels_->product[id] != scalar.product[id];
    EXPECT_EQ(kernels_->exact[id].decode != scalar.exact[id].decode, has_product) << id;
    EXPECT_EQ(kernels_->exact[id].dot != scalar.exact[id].dot, has_product) << id;
  }
}

TEST_P(EveryExact, DotsHaveTheDeclaredOrder) {
  for (std::size_t count = 0; count <= 100; ++count) {
    const auto a = random_doubles(count, random_);
    const auto b = random_doubles(count, random_);
    EXPECT_TRUE(same_bits(kernels_->dot_exact(a.data(), b.data(), count), declared_dot(a, b.data()))) << count;
  }
}

TEST_P(EveryExact, RowSums) {
  for (std::size_t count = 1; count <= 100; ++count) {
    std::vector<float> x(count);
    for (float& value : x) value = std::normal_distribution<float>(3, 2)(random_);
    const std::vector<double> wide(x.begin(), x.end());
    const std::vector<double> ones(count, 1.0);
    const RowSums sums = kernels_->row_sums(x.data(), count);
    EXPECT_TRUE(same_bits(sums.sum, declared_dot(wide, ones.data()))) << count;
    EXPECT_TRUE(same_bits(sums.sum_of_squares, declared_dot(wide, wide.data()))) << count;
    EXPECT_EQ(sums.min, *std::min_element(x.begin(), x.end())) << count;
    EXPECT_EQ(sums.max, *std::max_element(x.begin(), x.end())) << count;
    for (const float bad : {INFINITY, -INFINITY, NAN}) {
      x[random_() % count] = bad;
      EXPECT_FALSE(std::isfinite(kernels_->row_sums(x.data(), count).sum_of_squares)) << count;
    }
  }
}

/// Every f16 there is, as the scales of a block whose other bytes are random.
TEST_P(EveryExact, EveryScale) {
  for (const auto& [id, scale_offset, min_offset] :
       {std::tuple{3U, 0U, 2U}, std::tuple{8U, 0U, 0U}, std::tuple{10U, 80U, 82U}, std::tuple{13U, 0U, 2U},
        std::tuple{14U, 208U, 208U}}) {
    const quant::Type& type = *quant::find_type(id);
    auto block = test::random_rows(type, 1, type.block_values, Fields::plain, random_);
    std::vector<double> specified(type.block_values);
    std::vector<double> ours(type.block_values);
    for (std::uint32_t bits = 0; bits < 0x10000; bits += test::kIsEmulated ? 31 : 7) {
      const auto half = static_cast<std::uint16_t>(bits);
      const auto other = static_cast<std::uint16_t>(random_());
      std::memcpy(block.data() + min_offset, &other, sizeof other);
      std::memcpy(block.data() + scale_offset, &half, sizeof half);
      quant::decode_exact(type, block.data(), 1, specified.data());
      kernels_->exact[id].decode(block.data(), type.block_values, ours.data());
      for (std::size_t i = 0; i < ours.size(); ++i) {
        ASSERT_TRUE(same_bits(ours[i], specified[i])) << type.name << " scale " << bits << " value " << i;
      }
    }
  }
}

const auto kName = [](const auto& isa) { return std::string(isa.param); };
INSTANTIATE_TEST_SUITE_P(Specified, EveryExact, testing::Values("scalar"), kName);
INSTANTIATE_TEST_SUITE_P(Isa, EveryExact, testing::ValuesIn(test::vector_isas()), kName);

}  // namespace
}  // namespace assay::kernels
