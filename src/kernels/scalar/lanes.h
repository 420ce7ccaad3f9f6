// The declared order of every float sum over a row: 64 lanes, value i in lane i % 64, then a halving tree.
#pragma once

#include <cmath>
#include <cstddef>

namespace assay::kernels::scalar {

struct Lanes {
  static constexpr std::size_t kCount = 64;
  float lane[kCount] = {};

  void add_product(std::size_t i, float a, float b) {
    float& sum = lane[i % kCount];
    sum = std::fma(a, b, sum);
  }
  void add(std::size_t i, float value) { lane[i % kCount] += value; }

  float total() const {
    Lanes tree = *this;
    for (std::size_t half = kCount / 2; half > 0; half /= 2)
      for (std::size_t i = 0; i < half; ++i) tree.lane[i] += tree.lane[i + half];
    return tree.lane[0];
  }
};

}  // namespace assay::kernels::scalar
