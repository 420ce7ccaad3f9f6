#include "kernels/scalar/product.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/scalar/lanes.h"

namespace assay::kernels::scalar {
namespace {

/// The integers of one output and one block.
struct Sums {
  std::int32_t high = 0;           ///< sum scale * quant * hi
  std::int32_t low = 0;            ///< sum scale * quant * lo
  std::int32_t min = 0;            ///< sum min * x
  std::int32_t remainder = 0;      ///< sum scale * quant * r
  std::int32_t remainder_min = 0;  ///< sum min * r
};

/// A block's integers with the scales folded in, one a value.
struct Folded {
  std::int32_t weight[quant::kMaxBlockValues];
  std::int32_t min[quant::kMaxBlockValues];
};

void fold(const quant::BlockIntegers& integers, int block_values, Folded& folded) {
  for (int i = 0; i < block_values; ++i) {
    const int group = i / integers.group_values;
    folded.weight[i] = integers.scale[group] * integers.quant[i];
    folded.min[i] = integers.min[group];
  }
}

Sums multiply(const Folded& folded, std::size_t block_values, const Activations& x, std::size_t first) {
  Sums sums;
  for (std::size_t i = 0; i < block_values; ++i) {
    sums.high += folded.weight[i] * x.hi[first + i];
    sums.low += folded.weight[i] * x.lo[first + i];
    sums.min += folded.min[i] * (256 * x.hi[first + i] + x.lo[first + i]);
    sums.remainder += folded.weight[i] * x.remainder[first + i];
    sums.remainder_min += folded.min[i] * x.remainder[first + i];
  }
  return sums;
}

/// For types without a minimum term the second operation adds -0 and changes nothing.
float step(float sum, const quant::BlockIntegers& weights, float d, float joined, std::int32_t min) {
  sum = std::fma(weights.d * d, joined, sum);
  return std::fma(-(weights.dmin * d), static_cast<float>(min), sum);
}

}  // namespace

void block_product(const quant::Type& type, const std::byte* rows, std::size_t row_bytes, std::size_t row_count,
                   const Activations& x, float* out, std::size_t out_stride) {
  const std::size_t block_values = type.block_values;
  const std::size_t block_count = x.width / block_values;
  for (std::size_t row = 0; row < row_count; ++row) {
    for (std::size_t token = 0; token < x.tokens; ++token) out[token * out_stride + row] = 0;
    for (std::size_t block = 0; block < block_count; ++block) {
      quant::BlockIntegers weights;
      type.take_apart(rows + row * row_bytes + block * type.block_bytes, weights);
      Folded folded;
      fold(weights, static_cast<int>(block_values), folded);
      for (std::size_t token = 0; token < x.tokens; ++token) {
        const Sums sums = multiply(folded, block_values, x, token * x.width + block * block_values);
        const float joined = block_values == 32
                                 ? static_cast<float>(256 * sums.high + sums.low)
                                 : std::fma(256.0F, static_cast<float>(sums.high), static_cast<float>(sums.low));
        const std::size_t at = token * block_count + block;
        float& sum = out[token * out_stride + row];
        sum = step(sum, weights, x.d[at], joined, sums.min);
        if (x.remainder_d[at] == 0) continue;
        sum = step(sum, weights, x.remainder_d[at], static_cast<float>(sums.remainder), sums.remainder_min);
      }
    }
  }
}

void float_product(const quant::Type& type, const std::byte* rows, std::size_t row_bytes, std::size_t row_count,
                   const Activations& x, float* out, std::size_t out_stride) {
  float weights[Lanes::kCount];
  for (std::size_t row = 0; row < row_count; ++row) {
    for (std::size_t token = 0; token < x.tokens; ++token) {
      Lanes lanes;
      for (std::size_t first = 0; first < x.width; first += Lanes::kCount) {
        const std::size_t count = std::min(Lanes::kCount, x.width - first);
        type.decode(rows + row * row_bytes + first * type.block_bytes, count, weights);
        const float* values = x.f32 + token * x.width + first;
        for (std::size_t i = 0; i < count; ++i) lanes.add_product(i, weights[i], values[i]);
      }
      out[token * out_stride + row] = lanes.total();
    }
  }
}

}  // namespace assay::kernels::scalar
