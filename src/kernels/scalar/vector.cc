#include "kernels/scalar/vector.h"

#include <cmath>
#include <limits>

#include "kernels/scalar/exp.h"
#include "kernels/scalar/lanes.h"
#include "quant/half.h"

namespace assay::kernels::scalar {
namespace {

/// Element `i` of a row of the cache.
float cached(const void* cache, CacheFormat format, std::size_t i) {
  return format == CacheFormat::f32 ? static_cast<const float*>(cache)[i]
                                    : quant::half_to_float(static_cast<const std::uint16_t*>(cache)[i]);
}

void quantize_block(const float* x, std::size_t block_values, std::int8_t* hi, std::uint8_t* lo, float* d) {
  float largest = 0;
  bool is_finite = true;
  for (std::size_t i = 0; i < block_values; ++i) {
    const float magnitude = std::fabs(x[i]);
    is_finite = is_finite && magnitude <= std::numeric_limits<float>::max();
    largest = magnitude > largest ? magnitude : largest;
  }
  *d = largest / 32767.0F;
  float inverse = 1.0F / *d;
  if (!is_finite) *d = std::numeric_limits<float>::quiet_NaN();
  if (is_finite && !(inverse <= std::numeric_limits<float>::max())) *d = 0;
  if (!is_finite || *d == 0) inverse = 0;
  for (std::size_t i = 0; i < block_values; ++i) {
    const auto value = inverse == 0 ? 0 : static_cast<std::int32_t>(std::lrint(x[i] * inverse));
    hi[i] = static_cast<std::int8_t>(value >> 8);
    lo[i] = static_cast<std::uint8_t>(value & 255);
  }
}

}  // namespace

void quantize(const float* x, std::size_t width, std::size_t block_values, std::int8_t* hi, std::uint8_t* lo, float* d,
              std::int32_t* sums) {
  for (std::size_t first = 0; first < width; first += block_values)
    quantize_block(x + first, block_values, hi + first, lo + first, d + first / block_values);
  for (std::size_t first = 0; first < width; first += 16) {
    std::int32_t& sum = sums[first / 16];
    sum = 0;
    for (std::size_t i = first; i < first + 16; ++i) sum += 256 * hi[i] + lo[i];
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

void scores(const float* q, const void* keys, CacheFormat format, std::size_t stride, std::size_t count,
            std::size_t head_width, float scale, float* scores) {
  for (std::size_t j = 0; j < count; ++j) {
    Lanes lanes;
    for (std::size_t i = 0; i < head_width; ++i) lanes.add_product(i, q[i], cached(keys, format, j * stride + i));
    scores[j] = scale * lanes.total();
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

void weighted_sum(const float* weights, float factor, const void* values, CacheFormat format, std::size_t stride,
                  std::size_t count, std::size_t head_width, float* out) {
  for (std::size_t i = 0; i < head_width; ++i) {
    float sum = 0;
    for (std::size_t j = 0; j < count; ++j) sum = std::fma(weights[j], cached(values, format, j * stride + i), sum);
    out[i] = sum * factor;
  }
}

void to_half(const float* x, std::size_t n, std::uint16_t* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = quant::float_to_half(x[i]);
}

}  // namespace assay::kernels::scalar
