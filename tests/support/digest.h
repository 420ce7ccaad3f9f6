// Every CPU gives the same bits: what comes of inputs without any rounding of their own is compared with digests that
// x86-64 and 64-bit ARM share. Whoever changes an arithmetic on purpose writes down what the test says the digest
// becomes.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace assay::test {

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
inline std::vector<float> exact_values(std::size_t count, std::mt19937_64& random) {
  std::vector<float> values(count);
  for (float& value : values) {
    const auto integer = static_cast<float>(random() % (1U << 24)) - 0x1p23F;
    value = std::ldexp(integer, -22 - static_cast<int>(random() % 4) + (random() % 50 == 0 ? 5 : 0));
  }
  return values;
}

}  // namespace assay::test
