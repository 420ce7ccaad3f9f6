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

/// A block's integers with the scales folded in, one a value; those of a block of 64 in the d of its groups.
struct Folded {
  std::size_t run;  ///< values that share their float operations: the block, or a group
  float d[quant::kMaxGroups];
  float dmin;
  std::int32_t weight[quant::kMaxBlockValues];
  std::int32_t min[quant::kMaxBlockValues];
};

void fold(const quant::BlockIntegers& integers, std::size_t block_values, Folded& folded) {
  const auto group_values = static_cast<std::size_t>(integers.group_values);
  const bool is_one = block_values != 64;
  folded.run = is_one ? block_values : group_values;
  folded.d[0] = integers.d;
  folded.dmin = integers.dmin;
  for (std::size_t i = 0; i < block_values; ++i) {
    const std::size_t group = i / group_values;
    folded.weight[i] = (is_one ? integers.scale[group] : 1) * integers.quant[i];
    folded.min[i] = integers.min[group];
    if (!is_one) folded.d[group] = integers.d * static_cast<float>(integers.scale[group]);
  }
}

/// A run, whose weights begin at `from` and whose activations at `first`.
Sums multiply(const Folded& folded, std::size_t from, const Activations& x, std::size_t first) {
  Sums sums;
  const std::int32_t* weight = folded.weight + from;
  const std::int32_t* min = folded.min + from;
  for (std::size_t i = 0; i < folded.run; ++i) {
    sums.high += weight[i] * x.hi[first + i];
    sums.low += weight[i] * x.lo[first + i];
    sums.min += min[i] * (256 * x.hi[first + i] + x.lo[first + i]);
    sums.remainder += weight[i] * x.remainder[first + i];
    sums.remainder_min += min[i] * x.remainder[first + i];
  }
  return sums;
}

/// For types without a minimum term the second operation adds -0 and changes nothing.
float step(float sum, float d_w, float dmin_w, float d, float joined, std::int32_t min) {
  sum = std::fma(d_w * d, joined, sum);
  return std::fma(-(dmin_w * d), static_cast<float>(min), sum);
}

/// The operations of block `block` of a token.
float add_block(float sum, const Folded& folded, const Activations& x, std::size_t token, std::size_t block) {
  const std::size_t at = token * (x.width / x.block_values) + block;
  const std::size_t first = token * x.width + block * x.block_values;
  for (std::size_t from = 0; from < x.block_values; from += folded.run) {
    const Sums sums = multiply(folded, from, x, first + from);
    const float joined = x.block_values == 256
                             ? std::fma(256.0F, static_cast<float>(sums.high), static_cast<float>(sums.low))
                             : static_cast<float>(256 * sums.high + sums.low);
    sum = step(sum, folded.d[from / folded.run], folded.dmin, x.d[at], joined, sums.min);
  }
  if (x.remainder_d[at] == 0) return sum;
  for (std::size_t from = 0; from < x.block_values; from += folded.run) {
    const Sums sums = multiply(folded, from, x, first + from);
    sum = step(sum, folded.d[from / folded.run], folded.dmin, x.remainder_d[at], static_cast<float>(sums.remainder),
               sums.remainder_min);
  }
  return sum;
}

}  // namespace

void block_product(const quant::Type& type, const std::byte* rows, std::size_t row_bytes, std::size_t row_count,
                   const Activations& x, float* out, std::size_t out_stride) {
  const std::size_t block_count = x.width / type.block_values;
  for (std::size_t row = 0; row < row_count; ++row) {
    for (std::size_t token = 0; token < x.tokens; ++token) out[token * out_stride + row] = 0;
    for (std::size_t block = 0; block < block_count; ++block) {
      quant::BlockIntegers weights;
      type.take_apart(rows + row * row_bytes + block * type.block_bytes, weights);
      Folded folded;
      fold(weights, type.block_values, folded);
      for (std::size_t token = 0; token < x.tokens; ++token) {
        float& sum = out[token * out_stride + row];
        sum = add_block(sum, folded, x, token, block);
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
