// Every CPU gives the bits of base/math.h (tests/support/digest.h).
#include "tests/support/digest.h"

#include <random>

#include <gtest/gtest.h>

#include "base/math.h"

namespace assay {
namespace {

TEST(PortableMath, HasTheSameBitsOnEveryCpu) {
  std::mt19937_64 random(3);
  test::Digest digest;
  for (const float value : test::exact_values(3000, random)) {
    const auto x = static_cast<double>(value) * 37;
    const double positive = x * x + 0x1p-9;
    for (const double result :
         {portable_exp(x), portable_log(positive), portable_sin(x), portable_cos(x), portable_tanh(x * 0x1p-6),
          portable_erfc(x * 0x1p-4), portable_pow(positive, x * 0x1p-3)})
      digest.add(result);
  }
  EXPECT_EQ(digest.value(), 17379403986569718129U);
}

}  // namespace
}  // namespace assay
