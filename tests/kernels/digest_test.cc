// Every CPU gives the same bits: what the specification makes of inputs without any rounding of their own is compared
// with digests that x86-64 and 64-bit ARM share. A change of the specification changes them; the test prints what they
// become.
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/kernels.h"
#include "quant/half.h"
#include "tests/kernels/weights.h"

namespace assay::kernels {
namespace {

/// FNV-1a over bits; every NaN is the same.
class Digest {
 public:
  void add(double value) { add_bits(std::isnan(value) ? 0 : std::bit_cast<std::uint64_t>(value)); }
  template <typename Value>
  void add(const std::vector<Value>& values) {
    for (const Value value : values) add(static_cast<double>(value));
  }
  std::uint64_t value() const { return state_; }

 private:
  void add_bits(std::uint64_t bits) {
    for (int shift = 0; shift < 64; shift += 8) state_ = (state_ ^ (bits >> shift & 255)) * 0x100000001B3U;
  }
  std::uint64_t state_ = 0xCBF29CE484222325U;
};

/// Integers times powers of two, so that no library function has a say.
std::vector<float> exact_values(std::size_t count, std::mt19937_64& random) {
  std::vector<float> values(count);
  for (float& value : values) {
    const auto integer = static_cast<float>(random() % (1U << 24)) - 0x1p23F;
    value = std::ldexp(integer, -22 - static_cast<int>(random() % 4) + (random() % 50 == 0 ? 5 : 0));
  }
  return values;
}

/// Rows with scales around 2^-7; of float types exact values.
std::vector<std::byte> exact_rows(const quant::Type& type, std::size_t rows, std::size_t width,
                                  std::mt19937_64& random) {
  if (type.is_quantized()) return test::random_rows(type, rows, width, test::Fields::plain, random);
  const auto values = exact_values(rows * width, random);
  std::vector<std::byte> bytes(rows * test::row_bytes(type, width));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t word = type.id == 1 ? quant::float_to_half(values[i]) : quant::float_to_bfloat(values[i]);
    const void* value = type.id == 0 ? static_cast<const void*>(&values[i]) : &word;
    std::memcpy(bytes.data() + i * type.block_bytes, value, type.block_bytes);
  }
  return bytes;
}

class Specification : public testing::Test {
 protected:
  const Kernels& kernels_ = *find_kernels("scalar");
  std::mt19937_64 random_{17};
  Digest digest_;
};

TEST_F(Specification, ProductsAndExactRows) {
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    const std::size_t width = 768;
    const std::size_t rows = 11;
    const auto weights = exact_rows(type, rows, width, random_);
    const auto values = exact_values(3 * width, random_);
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
  EXPECT_EQ(digest_.value(), 13212482681816139130U);
}

TEST_F(Specification, Vectors) {
  const std::size_t n = 2000;
  const auto a = exact_values(n, random_);
  const auto b = exact_values(n, random_);
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
    std::vector<float> scores(20);
    kernels_.scores(b.data(), rows, format, 100, 20, 80, 0.1F, scores.data());
    digest_.add(scores);
    std::vector<float> sums(80);
    kernels_.weighted_sum(b.data(), 0.3F, rows, format, 100, 20, 80, sums.data());
    digest_.add(sums);
  }
  const RowSums sums = kernels_.row_sums(a.data(), n);
  digest_.add(std::vector<double>{sums.sum, sums.sum_of_squares, sums.min, sums.max});
  EXPECT_EQ(digest_.value(), 7673141753216113227U);
}

}  // namespace
}  // namespace assay::kernels
