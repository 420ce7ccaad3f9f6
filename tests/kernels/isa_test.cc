// Every instruction set of this machine gives the specification's bits, and no output depends on what else is computed
// in the same call.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/amx_table.h"
#include "kernels/kernels.h"
#include "quant/half.h"
#include "tests/kernels/weights.h"

namespace assay::kernels {
namespace {

using test::Batch;
using test::Fields;

/// The same bits; a NaN equals every NaN.
testing::AssertionResult same_bits(const std::vector<float>& ours, const std::vector<float>& specified) {
  for (std::size_t i = 0; i < specified.size(); ++i) {
    if (std::isnan(ours[i]) && std::isnan(specified[i])) continue;
    if (std::bit_cast<std::uint32_t>(ours[i]) == std::bit_cast<std::uint32_t>(specified[i])) continue;
    return testing::AssertionFailure() << "output " << i << ": " << ours[i] << " instead of " << specified[i];
  }
  return testing::AssertionSuccess();
}

/// `bytes` at an address that is no multiple of anything, with guard bytes around it for the address sanitizer to see.
class Misaligned {
 public:
  Misaligned(const void* data, std::size_t size, std::size_t shift) : memory_(size + shift), shift_(shift) {
    if (size != 0) std::memcpy(memory_.data() + shift, data, size);
  }
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(memory_.data() + shift_);
  }

 private:
  std::vector<std::byte> memory_;
  std::size_t shift_;
};

std::vector<float> product(const Kernels& kernels, std::uint32_t id, const std::byte* rows, std::size_t row_bytes,
                           std::size_t row_count, const Activations& x) {
  std::vector<float> out(row_count * x.tokens, -1.0F);
  kernels.product[id](rows, row_bytes, row_count, x, out.data(), row_count);
  return out;
}

class EveryIsa : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    kernels_ = test::find_table(GetParam());
    if (kernels_ == nullptr) GTEST_SKIP() << "this machine lacks " << GetParam();
  }
  const Kernels& scalar() const { return *find_kernels("scalar"); }

  const Kernels* kernels_ = nullptr;
  std::mt19937_64 random_{11};
};

/// AMX has products of its own and nothing else, so its emulation needs no other tests.
class EveryProduct : public EveryIsa {};

std::vector<std::size_t> widths(const quant::Type& type) {
  if (test::kIsEmulated && type.block_values > 1) return {3 * std::size_t{type.block_values}};
  if (type.block_values == 256) return {256, 512, 1024, 4096};
  if (type.block_values == 64) return {64, 128, 192, 576, 4096};
  if (type.block_values == 32) return {32, 64, 96, 128, 288, 576, 1536, 4096};
  return {1, 7, 15, 16, 17, 31, 33, 48, 63, 64, 65, 79, 100, 127, 128, 130, 191, 200, 576};
}

const std::vector<std::size_t> kBatches = {1, 2, 3, 4, 7, 17};
const std::vector<std::size_t> kFewBatches = {2, 5, 7, 17};
constexpr std::size_t kPromptTokens = test::kIsEmulated ? 5 : 17;  // enough for every instruction set's prompts

TEST_P(EveryProduct, ProductsHaveTheSpecifiedBits) {
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    for (const std::size_t width : widths(type)) {
      for (const std::size_t tokens : test::kIsEmulated ? kFewBatches : kBatches) {
        Batch batch(scalar(), test::random_values(width * tokens, random_), tokens, type.block_values);
        const std::size_t rows = 1 + random_() % 40;
        for (const Fields fields : {Fields::plain, Fields::extreme}) {
          const auto weights = test::random_rows(type, rows, width, fields, random_);
          const std::size_t bytes = test::row_bytes(type, width);
          const auto specified = product(scalar(), id, weights.data(), bytes, rows, batch.view());
          EXPECT_TRUE(same_bits(product(*kernels_, id, weights.data(), bytes, rows, batch.view()), specified))
              << type.name << " width " << width << " rows " << rows << " tokens " << tokens;
        }
      }
    }
  }
}

TEST_P(EveryProduct, ProductsTakeEveryRowCountAndDistance) {
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    const std::size_t width = type.block_values == 256 ? 512 : type.block_values == 64 ? 192 : 96;
    const std::size_t bytes = test::row_bytes(type, width);
    const auto weights = test::random_rows(type, 40, width, Fields::plain, random_);
    Batch batch(scalar(), test::random_values(width * 9, random_), 9, type.block_values);
    for (std::size_t rows = 1; rows <= 40; rows += test::kIsEmulated ? 3 : 1) {
      for (const std::size_t tokens : {1, 9}) {
        const Activations x = batch.view(0, tokens);
        const auto specified = product(scalar(), id, weights.data(), bytes, rows, x);
        EXPECT_TRUE(same_bits(product(*kernels_, id, weights.data(), bytes, rows, x), specified)) << type.name << rows;
      }
    }
    // Every second row, with an output that has room between tokens, which must stay untouched.
    const Activations x = batch.view();
    std::vector<float> ours(9 * 25, 7.0F);
    std::vector<float> specified = ours;
    kernels_->product[id](weights.data(), 2 * bytes, 20, x, ours.data(), 25);
    scalar().product[id](weights.data(), 2 * bytes, 20, x, specified.data(), 25);
    EXPECT_TRUE(same_bits(ours, specified)) << type.name;
  }
}

TEST_P(EveryProduct, ProductsTakeManyTokens) {
  constexpr std::size_t kTokens = 517;
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    const std::size_t width = std::max<std::size_t>(type.block_values, 64);
    Batch batch(scalar(), test::random_values(width * kTokens, random_), kTokens, type.block_values);
    const auto weights = test::random_rows(type, 3, width, Fields::plain, random_);
    const std::size_t bytes = test::row_bytes(type, width);
    const auto specified = product(scalar(), id, weights.data(), bytes, 3, batch.view());
    EXPECT_TRUE(same_bits(product(*kernels_, id, weights.data(), bytes, 3, batch.view()), specified)) << type.name;
  }
}

TEST_P(EveryProduct, LongFloatProductsHaveTheSpecifiedBits) {
  struct Shape {
    std::size_t width, tokens, rows;
  };
  // Where rows are packed and where they are not, in one piece and in several, with ragged ends of all kinds.
  for (const Shape& shape : {Shape{576, 100, 70},
                             {2048, 64, 21},
                             {2048, 63, 5},
                             {2111, 65, 6},
                             {4160, 67, 9},
                             {100, 250, 69},
                             {12288, 64, 3},
                             {12289, 64, 3}}) {
    for (const std::uint32_t id : {0U, 1U, 30U}) {
      const quant::Type& type = *quant::find_type(id);
      const std::size_t bytes = test::row_bytes(type, shape.width);
      Batch batch(scalar(), test::random_values(shape.width * shape.tokens, random_), shape.tokens, 1);
      for (const Fields fields : {Fields::plain, Fields::extreme}) {
        const auto weights = test::random_rows(type, shape.rows, shape.width, fields, random_);
        // With room between tokens, which must stay untouched.
        const std::size_t stride = shape.rows + 3;
        std::vector<float> ours(shape.tokens * stride, 7.0F);
        std::vector<float> specified = ours;
        kernels_->product[id](weights.data(), bytes, shape.rows, batch.view(), ours.data(), stride);
        scalar().product[id](weights.data(), bytes, shape.rows, batch.view(), specified.data(), stride);
        EXPECT_TRUE(same_bits(ours, specified))
            << type.name << " width " << shape.width << " tokens " << shape.tokens << " rows " << shape.rows;
      }
    }
  }
}

TEST_P(EveryProduct, ProductsTakeManyRows) {
  constexpr std::size_t kRows = 300;
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    const std::size_t width = std::max<std::size_t>(type.block_values, 64);
    Batch batch(scalar(), test::random_values(width * 5, random_), 5, type.block_values);
    const auto weights = test::random_rows(type, kRows, width, Fields::plain, random_);
    const std::size_t bytes = test::row_bytes(type, width);
    for (const std::size_t tokens : {1, 3, 5}) {
      const Activations x = batch.view(0, tokens);
      const auto specified = product(scalar(), id, weights.data(), bytes, kRows, x);
      EXPECT_TRUE(same_bits(product(*kernels_, id, weights.data(), bytes, kRows, x), specified)) << type.name;
    }
  }
}

TEST_P(EveryProduct, ProductsOfNothingWriteNothing) {
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    const std::size_t width = std::max<std::size_t>(type.block_values, 64);
    Batch batch(scalar(), test::random_values(width * 5, random_), 5, type.block_values);
    const auto weights = test::random_rows(type, 1, width, Fields::plain, random_);
    const std::vector<float> untouched(5, 7.0F);
    auto out = untouched;
    kernels_->product[id](weights.data(), weights.size(), 1, batch.view(0, 0), out.data(), 1);
    for (const std::size_t tokens : {1, 5})
      kernels_->product[id](weights.data(), weights.size(), 0, batch.view(0, tokens), out.data(), 1);
    EXPECT_EQ(out, untouched) << type.name;
  }
}

TEST_P(EveryProduct, ProductsNeedNoAlignment) {
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    const std::size_t width = 256;
    const std::size_t bytes = test::row_bytes(type, width);
    const auto weights = test::random_rows(type, 11, width, Fields::plain, random_);
    Batch batch(scalar(), test::random_values(width * kPromptTokens, random_), kPromptTokens, type.block_values);
    for (const std::size_t shift : {1, 2, 5}) {
      // Float weights and activations are at least where their own size puts them.
      const std::size_t weight_shift = type.is_quantized() ? shift : shift * type.block_bytes;
      const Misaligned rows(weights.data(), weights.size(), weight_shift);
      Activations x = batch.view();
      const std::size_t values = width * x.tokens;
      const Misaligned f32(x.f32, x.f32 != nullptr ? values * 4 : 0, 4 * shift);
      const Misaligned hi(x.hi, x.hi != nullptr ? values : 0, shift);
      const Misaligned lo(x.lo, x.lo != nullptr ? values : 0, shift);
      const Misaligned d(x.d, x.d != nullptr ? values / type.block_values * 4 : 0, 4 * shift);
      const Misaligned sums(x.sums, x.sums != nullptr ? values / 4 : 0, 4 * shift);
      const Misaligned remainder(x.remainder, x.remainder != nullptr ? values : 0, shift);
      const Misaligned remainder_sums(x.remainder_sums, x.remainder_sums != nullptr ? values / 4 : 0, 4 * shift);
      const auto specified = product(scalar(), id, weights.data(), bytes, 11, x);
      if (type.is_quantized()) {
        x.hi = hi.as<std::int8_t>();
        x.lo = lo.as<std::uint8_t>();
        x.d = d.as<float>();
        x.sums = sums.as<std::int32_t>();
        x.remainder = remainder.as<std::int8_t>();
        x.remainder_sums = remainder_sums.as<std::int32_t>();
      } else {
        x.f32 = f32.as<float>();
      }
      EXPECT_TRUE(same_bits(product(*kernels_, id, rows.as<std::byte>(), bytes, 11, x), specified)) << type.name;
    }
  }
}

TEST_P(EveryProduct, OutputsDoNotDependOnTheBatchOrTheSplit) {
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    const std::size_t width = type.block_values == 256 ? 1024 : 576;
    const std::size_t bytes = test::row_bytes(type, width);
    const std::size_t rows = 37;
    const auto weights = test::random_rows(type, rows, width, Fields::plain, random_);
    Batch batch(*kernels_, test::random_values(width * 17, random_), 17, type.block_values);
    const auto together = product(*kernels_, id, weights.data(), bytes, rows, batch.view());
    for (std::size_t token = 0; token < 17; ++token) {
      const auto alone = product(*kernels_, id, weights.data(), bytes, rows, batch.view(token, 1));
      const auto begin = together.begin() + static_cast<std::ptrdiff_t>(token * rows);
      EXPECT_TRUE(same_bits(alone, std::vector<float>(begin, begin + rows))) << type.name << " token " << token;
    }
    for (std::size_t split = 1; split < rows; split += test::kIsEmulated ? 11 : 1) {
      std::vector<float> out(rows * 17);
      kernels_->product[id](weights.data(), bytes, split, batch.view(), out.data(), rows);
      kernels_->product[id](weights.data() + split * bytes, bytes, rows - split, batch.view(), out.data() + split,
                            rows);
      EXPECT_TRUE(same_bits(out, together)) << type.name << " split " << split;
    }
  }
}

TEST_P(EveryProduct, ProductsOfExtremeActivations) {
  const float strange[] = {0.0F,
                           -0.0F,
                           1e-45F,
                           1e-38F,
                           -1e30F,
                           std::numeric_limits<float>::max(),
                           std::numeric_limits<float>::infinity(),
                           std::nanf("")};
  for (const std::uint32_t id : test::type_ids()) {
    const quant::Type& type = *quant::find_type(id);
    const std::size_t width = 512;
    const auto weights = test::random_rows(type, 9, width, Fields::extreme, random_);
    for (const float value : strange) {
      // Planes of all -32767 and all +32767 too: where integers are largest.
      std::vector<float> values(width * kPromptTokens, value);
      for (std::size_t i = 0; i < values.size(); i += 3) values[i] = -value;
      Batch batch(*kernels_, values, kPromptTokens, type.block_values);
      const std::size_t bytes = test::row_bytes(type, width);
      const auto specified = product(scalar(), id, weights.data(), bytes, 9, batch.view());
      EXPECT_TRUE(same_bits(product(*kernels_, id, weights.data(), bytes, 9, batch.view()), specified))
          << type.name << " of " << value;
    }
  }
}

TEST_P(EveryProduct, LanesThatAreMinusZeroStaySo) {
  // Products that round to -0 in all 64 lanes; the vectors' ragged end must not add +0 to any of them.
  for (const std::uint32_t id : {0U, 1U, 30U}) {
    const quant::Type& type = *quant::find_type(id);
    for (std::size_t width = 64; width <= 130; ++width) {
      const float weight = -0x1p-24F;
      std::vector<std::byte> weights(width * type.block_bytes);
      const std::uint16_t word = id == 1 ? quant::float_to_half(weight) : quant::float_to_bfloat(weight);
      for (std::size_t i = 0; i < width; ++i) {
        std::byte* value = weights.data() + i * type.block_bytes;
        if (id == 0) {
          std::memcpy(value, &weight, sizeof weight);
        } else {
          std::memcpy(value, &word, sizeof word);
        }
      }
      for (const std::size_t tokens : {2, 400}) {
        Batch batch(scalar(), std::vector<float>(tokens * width, 0x1p-140F), tokens, 1);
        const auto ours = product(*kernels_, id, weights.data(), weights.size(), 1, batch.view());
        EXPECT_TRUE(same_bits(ours, std::vector<float>(tokens, -0.0F))) << type.name << " width " << width;
      }
    }
  }
}

TEST_P(EveryProduct, LargestIntegersDoNotOverflow) {
  for (const std::uint32_t id : test::quantized_ids()) {
    const quant::Type& type = *quant::find_type(id);
    for (const int byte : {0x00, 0x7F, 0x80, 0xFF, 0x3F, 0xF0, 0x0F}) {
      for (const float value : {1.0F, -1.0F}) {
        const std::size_t width = 512;
        const std::size_t bytes = test::row_bytes(type, width);
        std::vector<std::byte> weights(bytes * 9, static_cast<std::byte>(byte));
        for (std::size_t at = 0; at < weights.size(); at += type.block_bytes)
          test::set_scales_to_one(type, weights.data() + at);
        Batch batch(*kernels_, std::vector<float>(width * 8, value), 8, type.block_values);
        for (const std::size_t tokens : {1, 8}) {
          const Activations x = batch.view(0, tokens);
          const auto specified = product(scalar(), id, weights.data(), bytes, 9, x);
          EXPECT_TRUE(same_bits(product(*kernels_, id, weights.data(), bytes, 9, x), specified))
              << type.name << " of bytes " << byte;
          const auto exact = test::exact_product(type, weights.data(), x);
          EXPECT_LE(std::fabs(static_cast<double>(specified[0]) - exact.value), 0x1p-24 * exact.roundings)
              << type.name << " of bytes " << byte;
        }
      }
    }
  }
}

TEST_P(EveryProduct, EveryScaleByteIsRead) {
  // One row for each byte, in all its scales; beside a larger one, the smallest powers of two would leave no bit.
  struct Scales {
    std::uint32_t id;
    std::size_t width;
    std::size_t count;
  };
  for (const Scales scales : {Scales{39, 160, 1}, Scales{40, 192, 4}}) {  // MXFP4, NVFP4
    const quant::Type& type = *quant::find_type(scales.id);
    const std::size_t bytes = test::row_bytes(type, scales.width);
    auto weights = test::random_rows(type, 256, scales.width, Fields::plain, random_);
    for (std::size_t at = 0; at < weights.size(); at += type.block_bytes)
      std::fill_n(weights.begin() + at, scales.count, static_cast<std::byte>(at / bytes));
    for (const std::size_t tokens : {std::size_t{1}, kPromptTokens}) {
      auto values = test::random_values(scales.width * tokens, random_);
      for (float& value : values) value *= 0x1p20F;
      Batch batch(scalar(), values, tokens, type.block_values);
      const auto specified = product(scalar(), scales.id, weights.data(), bytes, 256, batch.view());
      EXPECT_TRUE(same_bits(product(*kernels_, scales.id, weights.data(), bytes, 256, batch.view()), specified))
          << type.name << " tokens " << tokens;
    }
  }
}

TEST_P(EveryIsa, QuantizeHasTheSpecifiedBits) {
  for (const std::size_t block : {std::size_t{32}, std::size_t{256}}) {
    for (int trial = 0; trial < 200; ++trial) {
      auto values = test::random_values(1024, random_);
      const float strange[] = {std::numeric_limits<float>::infinity(), std::nanf(""), 1e-40F, 3e38F, -0.0F};
      for (float& value : values) {
        if (trial % 2 == 1 && random_() % 100 == 0) value = strange[random_() % 5];
        // Where 1 / d becomes infinite, and then d a subnormal and zero.
        if (trial % 5 == 4) value *= std::ldexp(1.0F, -90 - trial / 4);
      }
      Batch ours(*kernels_, values, 1, block);
      Batch specified(scalar(), values, 1, block);
      const Activations a = ours.view();
      const Activations b = specified.view();
      EXPECT_EQ(std::memcmp(a.hi, b.hi, 1024), 0);
      EXPECT_EQ(std::memcmp(a.lo, b.lo, 1024), 0);
      EXPECT_EQ(std::memcmp(a.sums, b.sums, 1024 / 4), 0);
      EXPECT_EQ(std::memcmp(a.remainder, b.remainder, 1024), 0);
      EXPECT_EQ(std::memcmp(a.remainder_sums, b.remainder_sums, 1024 / 4), 0);
      EXPECT_TRUE(same_bits(std::vector<float>(a.remainder_d, a.remainder_d + 1024 / block),
                            std::vector<float>(b.remainder_d, b.remainder_d + 1024 / block)));
      EXPECT_TRUE(same_bits(std::vector<float>(a.d, a.d + 1024 / block), std::vector<float>(b.d, b.d + 1024 / block)));
    }
  }
}

/// Values of every magnitude, now and then a strange one.
std::vector<float> wild_values(std::size_t count, std::mt19937_64& random) {
  const float strange[] = {
      0.0F,         -0.0F, 1e-45F, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
      std::nanf("")};
  auto values = test::random_values(count, random);
  for (float& value : values) {
    if (random() % 4 == 0) value *= std::ldexp(1.0F, static_cast<int>(random() % 16) - 8);
    if (random() % 200 == 0) value = strange[random() % std::size(strange)];
  }
  return values;
}

TEST_P(EveryIsa, VectorsHaveTheSpecifiedBits) {
  for (std::size_t n = 1; n <= 200; ++n) {
    const auto a = n % 3 == 0 ? wild_values(n, random_) : test::random_values(n, random_);
    const auto b = n % 3 == 0 ? wild_values(n, random_) : test::random_values(n, random_);
    std::vector<float> ours(n);
    std::vector<float> specified(n);
    kernels_->rms_norm(a.data(), b.data(), 1e-5F, n, ours.data());
    scalar().rms_norm(a.data(), b.data(), 1e-5F, n, specified.data());
    EXPECT_TRUE(same_bits(ours, specified)) << "rms_norm " << n;
    for (const auto product : {&Kernels::silu_product, &Kernels::gelu_product, &Kernels::gelu_tanh_product}) {
      (kernels_->*product)(a.data(), b.data(), n, ours.data());
      (scalar().*product)(a.data(), b.data(), n, specified.data());
      EXPECT_TRUE(same_bits(ours, specified)) << "gated product " << n;
    }
    for (const auto function : {&Kernels::scale, &Kernels::soft_cap}) {
      (kernels_->*function)(a.data(), 1.3F, n, ours.data());
      (scalar().*function)(a.data(), 1.3F, n, specified.data());
      EXPECT_TRUE(same_bits(ours, specified)) << "scale or soft cap " << n;
    }
    kernels_->add(a.data(), b.data(), n, ours.data());
    scalar().add(a.data(), b.data(), n, specified.data());
    EXPECT_TRUE(same_bits(ours, specified)) << "add " << n;
    ours = a;
    specified = a;
    const float factor = kernels_->softmax(ours.data(), n);
    const float specified_factor = scalar().softmax(specified.data(), n);
    EXPECT_TRUE(same_bits(ours, specified)) << "softmax " << n;
    EXPECT_TRUE(same_bits({factor}, {specified_factor})) << "softmax " << n;
    std::vector<std::uint16_t> our_halves(n);
    std::vector<std::uint16_t> halves(n);
    kernels_->to_half(a.data(), n, our_halves.data());
    scalar().to_half(a.data(), n, halves.data());
    for (std::size_t i = 0; i < n; ++i) {
      if (std::isnan(a[i])) continue;
      EXPECT_EQ(our_halves[i], halves[i]) << "to_half of " << a[i];
    }
  }
}

TEST_P(EveryIsa, ExpHasTheSpecifiedBits) {
  // silu(-x) * 1 shows every bit of exp(x) that matters; softmax of {0, x} shows exp(x) itself.
  constexpr int kStep = test::kIsEmulated ? 19 : 1;
  for (int i = 0; i < 400'000; i += kStep) {
    const float x = -105.0F + static_cast<float>(i) * 2.625e-4F;
    float ours[2] = {0.0F, x};
    float specified[2] = {0.0F, x};
    kernels_->softmax(ours, 2);
    scalar().softmax(specified, 2);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(ours[1]), std::bit_cast<std::uint32_t>(specified[1])) << x;
  }
}

TEST_P(EveryIsa, TanhAndGeluHaveTheSpecifiedBits) {
  std::vector<float> x;
  for (int i = -160'000; i < 160'000; i += test::kIsEmulated ? 19 : 1) x.push_back(static_cast<float>(i) * 1.1e-4F);
  for (float small = 1e-40F; small < 1; small *= 1.7F) x.push_back(small);
  const std::vector<float> ones(x.size(), 1.0F);
  std::vector<float> ours(x.size());
  std::vector<float> specified(x.size());
  const auto check = [&](const char* name) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(ours[i]), std::bit_cast<std::uint32_t>(specified[i])) << name << x[i];
    }
  };
  kernels_->soft_cap(x.data(), 1.0F, x.size(), ours.data());
  scalar().soft_cap(x.data(), 1.0F, x.size(), specified.data());
  check("tanh ");
  kernels_->gelu_product(x.data(), ones.data(), x.size(), ours.data());
  scalar().gelu_product(x.data(), ones.data(), x.size(), specified.data());
  check("gelu ");
  kernels_->gelu_tanh_product(x.data(), ones.data(), x.size(), ours.data());
  scalar().gelu_tanh_product(x.data(), ones.data(), x.size(), specified.data());
  check("gelu_tanh ");
}

TEST_P(EveryIsa, ToHalfRoundsEveryBoundaryAlike) {
  std::vector<float> values;
  for (std::uint32_t half = 0; half < 0x7C00; ++half) {
    // Halfway between neighbours, and a float's step to both sides of it.
    const float scale = 0x1p-24F;
    const std::uint32_t exponent = half >> 10;
    const auto mantissa = static_cast<float>((half & 0x3FF) | (exponent != 0 ? 0x400 : 0)) + 0.5F;
    const float middle = std::ldexp(mantissa * scale, exponent != 0 ? static_cast<int>(exponent) - 1 : 0);
    for (const float value : {middle, std::nextafter(middle, 0.0F), std::nextafter(middle, 1e9F)}) {
      values.push_back(value);
      values.push_back(-value);
    }
  }
  std::vector<std::uint16_t> ours(values.size());
  std::vector<std::uint16_t> specified(values.size());
  kernels_->to_half(values.data(), values.size(), ours.data());
  scalar().to_half(values.data(), values.size(), specified.data());
  EXPECT_EQ(ours, specified);
}

TEST_P(EveryIsa, RotateHasTheSpecifiedBits) {
  struct Layout {
    std::size_t step, gap;
  };
  for (std::size_t n = 1; n <= 70; ++n) {
    for (const Layout layout : {Layout{2, 1}, Layout{1, n}, Layout{1, n + 5}, Layout{3, 2}}) {
      const auto x = test::random_values(4 * n + 8, random_);
      const auto cosines = test::random_values(n, random_);
      const auto sines = test::random_values(n, random_);
      auto ours = x;
      auto specified = x;
      kernels_->rotate(ours.data(), cosines.data(), sines.data(), n, layout.step, layout.gap);
      scalar().rotate(specified.data(), cosines.data(), sines.data(), n, layout.step, layout.gap);
      EXPECT_TRUE(same_bits(ours, specified)) << n << " step " << layout.step << " gap " << layout.gap;
    }
  }
}

TEST_P(EveryIsa, AttentionHasTheSpecifiedBits) {
  for (const std::size_t width : {1, 16, 31, 32, 48, 64, 72, 80, 96, 128, 200, 256}) {
    for (const std::size_t queries : {1, 2, 3, 4, 7, 9}) {
      const std::size_t stride = width + 3 * (random_() % 20);
      const std::size_t count = 1 + random_() % 80;
      const std::size_t row = count + random_() % 5;
      const auto cache = test::random_values(stride * count, random_);
      const auto q = test::random_values(queries * width, random_);
      const auto weights = test::random_values(queries * row, random_);
      std::vector<std::uint16_t> halves(cache.size());
      scalar().to_half(cache.data(), cache.size(), halves.data());
      for (const CacheFormat format : {CacheFormat::f32, CacheFormat::f16}) {
        const void* data = format == CacheFormat::f32 ? static_cast<const void*>(cache.data()) : halves.data();
        const CacheRows head = {data, format, stride, count, width};
        // What stands between rows of scores stays.
        std::vector<float> ours(queries * row, 7.0F);
        std::vector<float> specified = ours;
        kernels_->scores(q.data(), queries, head, 0.125F, ours.data(), row);
        scalar().scores(q.data(), queries, head, 0.125F, specified.data(), row);
        EXPECT_TRUE(same_bits(ours, specified)) << "scores " << width << ", " << queries << " x " << count;
        ours.assign(queries * width, 7.0F);
        specified = ours;
        kernels_->weighted_sums(weights.data(), row, queries, head, ours.data());
        scalar().weighted_sums(weights.data(), row, queries, head, specified.data());
        EXPECT_TRUE(same_bits(ours, specified)) << "weighted_sums " << width << ", " << queries << " x " << count;
      }
    }
  }
}

TEST(ProductsAgree, WithTheSpecificationsButNotWithOthers) {
  const Kernels& scalar = *find_kernels("scalar");
  for (const char* isa : test::product_isas()) {
    const Kernels* table = test::find_table(isa);
    if (table == nullptr) continue;
    EXPECT_TRUE(products_agree(*table, scalar)) << isa;
    // Each of them counts: a product that leaves its output as it was is noticed.
    for (const std::uint32_t id : {8, 10, 12}) {
      Kernels wrong = *table;
      wrong.product[id] = [](const std::byte*, std::size_t, std::size_t, const Activations&, float*, std::size_t) {};
      EXPECT_FALSE(products_agree(wrong, scalar)) << isa << " without type " << id;
    }
  }
}

const auto kName = [](const auto& isa) { return std::string(isa.param); };
INSTANTIATE_TEST_SUITE_P(Isa, EveryIsa, testing::ValuesIn(test::vector_isas()), kName);
INSTANTIATE_TEST_SUITE_P(Isa, EveryProduct, testing::ValuesIn(test::product_isas()), kName);

}  // namespace
}  // namespace assay::kernels
