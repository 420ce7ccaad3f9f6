#include "kernels/scalar/product.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/scalar/lanes.h"

namespace assay::kernels::scalar {
namespace {

/// The integers of one output and one block.
struct Sums {
  std::int32_t high = 0;  ///< sum scale * quant * hi
  std::int32_t low = 0;   ///< sum scale * quant * lo
  std::int32_t min = 0;   ///< sum min * x
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

Sums multiply(const Folded& folded, int block_values, const std::int8_t* hi, const std::uint8_t* lo) {
  Sums sums;
  for (int i = 0; i < block_values; ++i) {
    sums.high += folded.weight[i] * hi[i];
    sums.low += folded.weight[i] * lo[i];
    sums.min += folded.min[i] * (256 * hi[i] + lo[i]);
  }
  return sums;
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
        const std::size_t first = token * x.width + block * block_values;
        const Sums sums = multiply(folded, static_cast<int>(block_values), x.hi + first, x.lo + first);
        const float joined = block_values == 32
                                 ? static_cast<float>(256 * sums.high + sums.low)
                                 : std::fma(256.0F, static_cast<float>(sums.high), static_cast<float>(sums.low));
        const float d = x.d[token * block_count + block];
        float& sum = out[token * out_stride + row];
        sum = std::fma(weights.d * d, joined, sum);
        // For types without a minimum term this adds -0 and changes nothing.
        sum = std::fma(-(weights.dmin * d), static_cast<float>(sums.min), sum);
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
