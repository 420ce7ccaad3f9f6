#include "kernels/scalar/vector.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "kernels/scalar/exp.h"
#include "kernels/scalar/gelu.h"
#include "kernels/scalar/lanes.h"
#include "quant/half.h"
#include "quant/type.h"

namespace assay::kernels::scalar {
namespace {

/// Value `i` of row `row`.
float cached(const CacheRows& rows, std::size_t row, std::size_t i) {
  const std::size_t at = row * rows.stride + i;
  return rows.format == CacheFormat::f32 ? static_cast<const float*>(rows.data)[at]
                                         : quant::half_to_float(static_cast<const std::uint16_t*>(rows.data)[at]);
}

/// The 16-bit integers of one block and their scale; returns 1 / d, or 0 where all integers are 0.
float quantize_block(const float* v, std::size_t block_values, std::int32_t* x, float* d) {
  float largest = 0;
  bool is_finite = true;
  for (std::size_t i = 0; i < block_values; ++i) {
    const float magnitude = std::fabs(v[i]);
    is_finite = is_finite && magnitude <= std::numeric_limits<float>::max();
    largest = magnitude > largest ? magnitude : largest;
  }
  *d = largest / 32767.0F;
  float inverse = 1.0F / *d;
  if (!is_finite) *d = std::numeric_limits<float>::quiet_NaN();
  if (is_finite && !(inverse <= std::numeric_limits<float>::max())) *d = 0;
  if (!is_finite || *d == 0) inverse = 0;
  for (std::size_t i = 0; i < block_values; ++i) {
    x[i] = inverse == 0 ? 0 : static_cast<std::int32_t>(std::lrint(v[i] * inverse));
  }
  return inverse;
}

bool has_outliers(const std::int32_t* x, std::size_t block_values) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < block_values; ++i) sum += std::abs(x[i]);
  return sum < kOutlierMean * static_cast<std::int32_t>(block_values);
}

std::int8_t remainder(float v, std::int32_t x, float d, float inverse) {
  const float steps = std::fma(-static_cast<float>(x), d, v) * inverse * 256.0F;
  return static_cast<std::int8_t>(std::lrint(std::min(std::max(steps, -127.0F), 127.0F)));
}

}  // namespace

void quantize(const float* v, std::size_t width, std::size_t block_values, const QuantizedRow& row) {
  for (std::size_t i = 0; i < width / 16; ++i) row.sums[i] = row.remainder_sums[i] = 0;
  for (std::size_t first = 0; first < width; first += block_values) {
    std::int32_t x[quant::kMaxBlockValues];
    float& d = row.d[first / block_values];
    float& remainder_d = row.remainder_d[first / block_values];
    const float inverse = quantize_block(v + first, block_values, x, &d);
    remainder_d = inverse != 0 && has_outliers(x, block_values) ? d / 256.0F : 0.0F;
    for (std::size_t i = 0; i < block_values; ++i) {
      row.hi[first + i] = static_cast<std::int8_t>(x[i] >> 8);
      row.lo[first + i] = static_cast<std::uint8_t>(x[i] & 255);
      row.remainder[first + i] = remainder_d == 0 ? std::int8_t{0} : remainder(v[first + i], x[i], d, inverse);
      row.sums[(first + i) / 16] += x[i];
      row.remainder_sums[(first + i) / 16] += row.remainder[first + i];
    }
  }
}

void rms_norm(const float* x, const float* weight, float epsilon, std::size_t n, float* out) {
  Lanes squares;
  for (std::size_t i = 0; i < n; ++i) squares.add_product(i, x[i], x[i]);
  const float factor = 1.0F / std::sqrt(squares.total() / static_cast<float>(n) + epsilon);
  for (std::size_t i = 0; i < n; ++i) out[i] = (x[i] * factor) * weight[i];
}

void silu_product(const float* gate, const float* up, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = gate[i] / (1.0F + exp(-gate[i])) * up[i];
}

void gelu_product(const float* gate, const float* up, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = gelu(gate[i]) * up[i];
}

void gelu_tanh_product(const float* gate, const float* up, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = gelu_tanh(gate[i]) * up[i];
}

void scale(const float* x, float factor, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = factor * x[i];
}

void soft_cap(const float* x, float cap, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = cap * tanh(x[i] / cap);
}

void add(const float* a, const float* b, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

void rotate(float* x, const float* cosines, const float* sines, std::size_t n, std::size_t pair_step,
            std::size_t pair_gap) {
  for (std::size_t i = 0; i < n; ++i) {
    float& first = x[i * pair_step];
    float& second = x[i * pair_step + pair_gap];
    const float a = first;
    const float b = second;
    first = std::fma(a, cosines[i], -(b * sines[i]));
    second = std::fma(a, sines[i], b * cosines[i]);
  }
}

void scores(const float* q, std::size_t queries, const CacheRows& keys, float scale, float* scores,
            std::size_t score_stride) {
  for (std::size_t query = 0; query < queries; ++query) {
    for (std::size_t j = 0; j < keys.count; ++j) {
      Lanes lanes;
      for (std::size_t i = 0; i < keys.width; ++i) lanes.add_product(i, q[query * keys.width + i], cached(keys, j, i));
      scores[query * score_stride + j] = scale * lanes.total();
    }
  }
}

float softmax(float* x, std::size_t count) {
  float largest = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < count; ++i) largest = x[i] > largest ? x[i] : largest;
  Lanes sum;
  for (std::size_t i = 0; i < count; ++i) {
    x[i] = exp(x[i] - largest);
    sum.add(i, x[i]);
  }
  return 1.0F / sum.total();
}

void weighted_sums(const float* weights, std::size_t weight_stride, std::size_t queries, const CacheRows& values,
                   float* out) {
  for (std::size_t query = 0; query < queries; ++query) {
    for (std::size_t i = 0; i < values.width; ++i) {
      float sum = 0;
      for (std::size_t j = 0; j < values.count; ++j)
        sum = std::fma(weights[query * weight_stride + j], cached(values, j, i), sum);
      out[query * values.width + i] = sum;
    }
  }
}

void to_half(const float* x, std::size_t n, std::uint16_t* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = quant::float_to_half(x[i]);
}

}  // namespace assay::kernels::scalar
