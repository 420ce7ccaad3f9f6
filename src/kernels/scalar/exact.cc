#include "kernels/scalar/exact.h"

#include <algorithm>
#include <limits>

namespace assay::kernels::scalar {
namespace {

struct Lanes {
  static constexpr std::size_t kCount = 16;
  double lane[kCount] = {};

  /// `count` further products; all but the last call's are a multiple of 16.
  void add_products(const double* a, const double* b, std::size_t count) {
    for (std::size_t i = 0; i < count; i += kCount) {
      const std::size_t here = std::min(kCount, count - i);
      for (std::size_t j = 0; j < here; ++j) lane[j] += a[i + j] * b[i + j];
    }
  }

  double total() const {
    Lanes tree = *this;
    for (std::size_t half = kCount / 2; half > 0; half /= 2) {
      for (std::size_t j = 0; j < half; ++j) tree.lane[j] += tree.lane[j + half];
    }
    return tree.lane[0];
  }
};

}  // namespace

double dot_exact(const double* a, const double* b, std::size_t count) {
  Lanes lanes;
  lanes.add_products(a, b, count);
  return lanes.total();
}

void product_exact(const double* rows, std::size_t row_stride, std::size_t row_count, const double* x,
                   std::size_t x_stride, std::size_t x_count, std::size_t width, double* out, std::size_t out_stride) {
  for (std::size_t i = 0; i < x_count; ++i) {
    for (std::size_t r = 0; r < row_count; ++r)
      out[i * out_stride + r] = dot_exact(rows + r * row_stride, x + i * x_stride, width);
  }
}

void weighted_sum_exact(const double* weights, const double* rows, std::size_t stride, std::size_t count,
                        std::size_t width, double* out) {
  std::fill_n(out, width, 0.0);
  for (std::size_t j = 0; j < count; ++j) {
    for (std::size_t c = 0; c < width; ++c) out[c] += weights[j] * rows[j * stride + c];
  }
}

double row_dot_exact(const quant::Type& type, const std::byte* row, const double* x, std::size_t width) {
  // A whole number of blocks of every type.
  constexpr std::size_t kChunk = quant::kMaxBlockValues;
  double weights[kChunk];
  Lanes lanes;
  for (std::size_t i = 0; i < width; i += kChunk) {
    const std::size_t count = std::min(kChunk, width - i);
    quant::decode_exact(type, row + i / type.block_values * type.block_bytes, count / type.block_values, weights);
    lanes.add_products(weights, x + i, count);
  }
  return lanes.total();
}

RowSums row_sums(const float* x, std::size_t n) {
  Lanes sum;
  Lanes squares;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  RowSums sums = {0, 0, kInfinity, -kInfinity};
  for (std::size_t i = 0; i < n; ++i) {
    const double wide = x[i];
    sum.lane[i % Lanes::kCount] += wide;
    squares.lane[i % Lanes::kCount] += wide * wide;
    sums.min = std::min(sums.min, x[i]);
    sums.max = std::max(sums.max, x[i]);
  }
  sums.sum = sum.total();
  sums.sum_of_squares = squares.total();
  return sums;
}

}  // namespace assay::kernels::scalar
