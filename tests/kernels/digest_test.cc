// Every CPU gives the bits of the specification (tests/support/digest.h).
#include "tests/support/digest.h"

#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernels.h"
#include "tests/kernels/weights.h"

namespace assay::kernels {
namespace {

/// Rows with scales around 2^-7; of float types exact values.
std::vector<std::byte> exact_rows(const quant::Type& type, std::size_t rows, std::size_t width,
                                  std::mt19937_64& random) {
  if (type.is_quantized()) return test::random_rows(type, rows, width, test::Fields::plain, random);
  const auto values = assay::test::exact_values(rows * width, random);
  std::vector<std::byte> bytes(rows * test::row_bytes(type, width));
  for (std::size_t i = 0; i < values.size(); ++i)
    test::store_value(type, values[i], bytes.data() + i * type.block_bytes);
  return bytes;
}

class Specification : public testing::Test {
 protected:
  const Kernels& kernels_ = *find_kernels("scalar");
  std::mt19937_64 random_{17};
  assay::test::Digest digest_;
};

TEST_F(Specification, ProductsAndExactRows) {
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    const std::size_t width = 768;
    const std::size_t rows = 11;
    const auto weights = exact_rows(type, rows, width, random_);
    const auto values = assay::test::exact_values(3 * width, random_);
    test::Batch batch(kernels_, values, 3, type.block_values);
    std::vector<float> out(3 * rows);
    const std::size_t bytes = test::row_bytes(type, width);
    kernels_.product[id](weights.data(), bytes, rows, batch.view(), out.data(), rows);
    digest_.add(out);
    std::vector<double> decoded(width);
    kernels_.exact[id].decode(weights.data(), width, decoded.data());
    digest_.add(decoded);
    const std::vector<double> wide(values.begin(), values.begin() + width);
    digest_.add(kernels_.exact[id].dot(weights.data(), wide.data(), width));
  }
  EXPECT_EQ(digest_.value(), 12367414577988995864U);
}

TEST_F(Specification, Vectors) {
  const std::size_t n = 2000;
  const auto a = assay::test::exact_values(n, random_);
  const auto b = assay::test::exact_values(n, random_);
  std::vector<float> out(n);
  kernels_.rms_norm(a.data(), b.data(), 1e-5F, n, out.data());
  digest_.add(out);
  for (const auto product : {&Kernels::silu_product, &Kernels::gelu_product, &Kernels::gelu_tanh_product}) {
    (kernels_.*product)(a.data(), b.data(), n, out.data());
    digest_.add(out);
  }
  kernels_.soft_cap(a.data(), 1.3F, n, out.data());
  digest_.add(out);
  out = a;
  kernels_.rotate(out.data(), b.data(), b.data() + n / 2, n / 2, 2, 1);
  digest_.add(out);
  out = a;
  digest_.add(static_cast<double>(kernels_.softmax(out.data(), n)));
  digest_.add(out);
  std::vector<std::uint16_t> halves(n);
  kernels_.to_half(a.data(), n, halves.data());
  digest_.add(halves);
  for (const CacheFormat format : {CacheFormat::f32, CacheFormat::f16}) {
    const void* rows = format == CacheFormat::f32 ? static_cast<const void*>(a.data()) : halves.data();
    const CacheRows head = {rows, format, 100, 20, 80};
    std::vector<float> scores(20);
    kernels_.scores(b.data(), 1, head, 0.1F, scores.data(), 20);
    digest_.add(scores);
    std::vector<float> sums(80);
    kernels_.weighted_sums(b.data(), 20, 1, head, sums.data());
    kernels_.scale(sums.data(), 0.3F, 80, sums.data());
    digest_.add(sums);
  }
  const RowSums sums = kernels_.row_sums(a.data(), n);
  digest_.add(std::vector<double>{sums.sum, sums.sum_of_squares, sums.min, sums.max});
  EXPECT_EQ(digest_.value(), 7673141753216113227U);
}

}  // namespace
}  // namespace assay::kernels
