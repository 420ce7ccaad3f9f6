// Everything of kernels.h that is no matrix product and reads no cache.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/dot.h"
#include "kernels/generic/functions.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

/// body(first, count) for consecutive groups of 16, the last one ragged.
template <typename Body>
inline void in_sixteens(std::size_t n, Body body) {
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, kLanes);
  if (i < n) body(i, n - i);
}

inline void rms_norm(const float* x, const float* weight, float epsilon, std::size_t n, float* out) {
  float squares;
  const void* const row = x;
  dots<F32Row, 1>(&row, x, n, &squares);
  const float factor = 1.0F / __builtin_sqrtf(squares / static_cast<float>(n) + epsilon);
  in_sixteens(n, [&](std::size_t i, std::size_t count) {
    const Float scaled = multiply(load_some(x + i, count, 0.0F), all_floats(factor));
    store_some(multiply(scaled, load_some(weight + i, count, 0.0F)), out + i, count);
  });
}

/// out = function(gate) * up
template <typename Function>
inline void gated_product(const float* gate, const float* up, std::size_t n, float* out, Function function) {
  in_sixteens(n, [&](std::size_t i, std::size_t count) {
    store_some(multiply(function(load_some(gate + i, count, 0.0F)), load_some(up + i, count, 0.0F)), out + i, count);
  });
}

inline void silu_product(const float* gate, const float* up, std::size_t n, float* out) {
  gated_product(gate, up, n, out, [](Float g) { return divide(g, add(all_floats(1.0F), exp_of(negative(g)))); });
}

inline void gelu_product(const float* gate, const float* up, std::size_t n, float* out) {
  gated_product(gate, up, n, out, [](Float g) { return gelu_of(g); });
}

inline void gelu_tanh_product(const float* gate, const float* up, std::size_t n, float* out) {
  gated_product(gate, up, n, out, [](Float g) { return gelu_tanh_of(g); });
}

inline void scale_row(const float* x, float factor, std::size_t n, float* out) {
  in_sixteens(n, [&](std::size_t i, std::size_t count) {
    store_some(multiply(all_floats(factor), load_some(x + i, count, 0.0F)), out + i, count);
  });
}

inline void soft_cap(const float* x, float cap, std::size_t n, float* out) {
  in_sixteens(n, [&](std::size_t i, std::size_t count) {
    const Float share = divide(load_some(x + i, count, 0.0F), all_floats(cap));
    store_some(multiply(all_floats(cap), tanh_of(share)), out + i, count);
  });
}

inline void add_rows(const float* a, const float* b, std::size_t n, float* out) {
  in_sixteens(n, [&](std::size_t i, std::size_t count) {
    store_some(add(load_some(a + i, count, 0.0F), load_some(b + i, count, 0.0F)), out + i, count);
  });
}

/// With constant distances the compiler makes vectors of it.
inline void rotate_pairs(float* x, const float* cosines, const float* sines, std::size_t n, std::size_t pair_step,
                         std::size_t pair_gap) {
  for (std::size_t i = 0; i < n; ++i) {
    const float a = x[i * pair_step];
    const float b = x[i * pair_step + pair_gap];
    x[i * pair_step] = __builtin_fmaf(a, cosines[i], -(b * sines[i]));
    x[i * pair_step + pair_gap] = __builtin_fmaf(a, sines[i], b * cosines[i]);
  }
}

inline void rotate(float* x, const float* cosines, const float* sines, std::size_t n, std::size_t pair_step,
                   std::size_t pair_gap) {
  if (pair_step == 1) {
    rotate_pairs(x, cosines, sines, n, 1, pair_gap);
  } else if (pair_step == 2 && pair_gap == 1) {
    rotate_pairs(x, cosines, sines, n, 2, 1);
  } else {
    rotate_pairs(x, cosines, sines, n, pair_step, pair_gap);
  }
}

inline float softmax(float* x, std::size_t count) {
  Float most = all_floats(-__builtin_inff());
  in_sixteens(count, [&](std::size_t i, std::size_t n) { most = max(load_some(x + i, n, -__builtin_inff()), most); });
  float lanes[kLanes];
  store_floats(most, lanes);
  float largest = lanes[0];
  for (const float lane : lanes) largest = lane > largest ? lane : largest;
  Lanes sum;
  in_sixteens(count, [&](std::size_t i, std::size_t n) {
    const Float value = exp_of(subtract(load_some(x + i, n, 0.0F), all_floats(largest)));
    store_some(value, x + i, n);
    Float& part = sum.part[i / kLanes % 4];
    part = add(part, n == kLanes ? value : load_some(x + i, n, -0.0F));
  });
  return 1.0F / sum.total();
}

inline void to_half(const float* x, std::size_t n, std::uint16_t* out) {
  in_sixteens(n, [&](std::size_t i, std::size_t count) {
    std::uint16_t halves[kLanes];
    store_halves(load_some(x + i, count, 0.0F), halves);
    __builtin_memcpy(out + i, halves, count * sizeof(std::uint16_t));
  });
}

inline Int remainder_of(Float v, Int x, float d, float inverse) {
  const Float rest = multiply(fused_negative(to_floats(x), all_floats(d), v), all_floats(inverse));
  const Float steps = multiply(rest, all_floats(256.0F));
  return round_to_ints(min(max(steps, all_floats(-127.0F)), all_floats(127.0F)));
}

inline void quantize(const float* x, std::size_t width, std::size_t block_values, const QuantizedRow& row) {
  for (std::size_t first = 0; first < width; first += block_values) {
    // The bits of magnitudes, as integers, are ordered as the magnitudes are, with infinity and NaN above all.
    Int magnitudes = zero();
    for (std::size_t i = first; i < first + block_values; i += kLanes)
      magnitudes = max_ints(magnitudes, bit_and(bits_of(load_floats(x + i)), all_ints(0x7FFFFFFF)));
    const std::int32_t bits = largest(magnitudes);
    const bool is_finite = bits < 0x7F800000;
    float most;
    __builtin_memcpy(&most, &bits, sizeof most);
    float scale = most / 32767.0F;
    float inverse = 1.0F / scale;
    if (!is_finite) {
      scale = __builtin_nanf("");
      inverse = 0;
    } else if (!(inverse <= __FLT_MAX__)) {
      scale = 0;
      inverse = 0;
    }
    row.d[first / block_values] = scale;
    Int sizes = zero();
    for (std::size_t i = first; i < first + block_values; i += kLanes) {
      const Int rounded = round_to_ints(multiply(load_floats(x + i), all_floats(inverse)));
      const Int value = is_finite ? rounded : zero();
      sizes = add_ints(sizes, max_ints(value, subtract_ints(zero(), value)));
      store_bytes(shift_ints_right<8>(value), row.hi + i);
      store_bytes(value, row.lo + i);
      row.sums[i / kLanes] = total(value);
    }
    const bool has_outliers = total(sizes) < kOutlierMean * static_cast<std::int32_t>(block_values);
    const float remainder_d = inverse != 0 && has_outliers ? scale / 256.0F : 0.0F;
    row.remainder_d[first / block_values] = remainder_d;
    for (std::size_t i = first; i < first + block_values; i += kLanes) {
      Int value = zero();
      if (remainder_d != 0) {
        const Float v = load_floats(x + i);
        value = remainder_of(v, round_to_ints(multiply(v, all_floats(inverse))), scale, inverse);
      }
      store_bytes(value, row.remainder + i);
      row.remainder_sums[i / kLanes] = remainder_d != 0 ? total(value) : 0;
    }
  }
}

}  // namespace
}  // namespace assay::kernels
