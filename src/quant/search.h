// How a group's scale is found: the searches of ggml's reference quantizer, which define what a good scale is and, by
// the order of their float32 operations, the bytes of a file. Each gives the best of a few candidates by a weighted sum
// of squares (or absolute values) of the errors. Only files of this room include it.
//
// Shapes: x, weight and quant hold kCount values of a group, or of several groups side by side (lanes.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "quant/lanes.h"
#include "quant/searches.h"

namespace assay::quant {
namespace {

/// Groups without a larger magnitude count as zero.
inline constexpr float kNothing = 1e-15F;

/// The value of largest magnitude, with its sign; the first of equals. `magnitude` gets its magnitude.
template <int kCount, typename Real>
Real find_extreme(const Real* x, Real& magnitude) {
  magnitude = Real{};
  Real extreme = Real{};
  for (int i = 0; i < kCount; ++i) {
    const Real here = absolute(x[i]);
    const auto is_larger = here > magnitude;
    magnitude = select(is_larger, here, magnitude);
    extreme = select(is_larger, x[i], extreme);
  }
  return extreme;
}

/// x ~ scale * (quant - half), quant 0 .. 2 half - 1: the extreme value is laid on -half and on eighteen places around
/// it, and the least squares of each decide. A group of nothing gives scale 0 and quants 0.
template <int kCount, typename Real>
Real search_signed(const Real* x, const Real* weight, int half, Real* quant) {
  Real magnitude;
  const Real extreme = find_extreme<kCount>(x, magnitude);
  const auto most = static_cast<float>(half);
  const auto quantize = [&](Real value, Real inverse) { return limit(nearest(inverse * value), -most, most - 1.0F); };
  const auto fit = [&](Real inverse, Real& products, Real& squares) {
    products = Real{};
    squares = Real{};
    for (int i = 0; i < kCount; ++i) {
      const Real q = quantize(x[i], inverse);
      products += weight[i] * x[i] * q;
      squares += weight[i] * q * q;
    }
  };
  Real chosen = -most / extreme;
  Real products;
  Real squares;
  fit(chosen, products, squares);
  Real scale = select(squares != 0.0F, products / squares, Real{});
  Real best = scale * products;
  for (int step = -9; step <= 9; ++step) {
    if (step == 0) continue;
    const Real inverse = -(most + 0.1F * static_cast<float>(step)) / extreme;
    fit(inverse, products, squares);
    const auto is_better = (squares > 0.0F) & (products * products > best * squares);
    if (!any(is_better)) continue;
    chosen = select(is_better, inverse, chosen);
    scale = select(is_better, products / squares, scale);
    best = select(is_better, scale * products, best);
  }
  const auto is_nothing = magnitude < kNothing;
  for (int i = 0; i < kCount; ++i) quant[i] = select(is_nothing, Real{}, quantize(x[i], chosen) + most);
  return select(is_nothing, Real{}, scale);
}

/// The same for the 3-bit type without an importance: the extreme value is laid on -half, then single quants are moved
/// while that improves the fit. Squares of the values are the weights.
template <int kCount, typename Real>
Real refine_signed(const Real* x, int half, Real* quant) {
  Real magnitude;
  const Real extreme = find_extreme<kCount>(x, magnitude);
  const auto most = static_cast<float>(half);
  const Real inverse = -most / extreme;
  Real products = Real{};
  Real squares = Real{};
  Real weight[kCount];
  for (int i = 0; i < kCount; ++i) {
    weight[i] = x[i] * x[i];
    quant[i] = limit(nearest(inverse * x[i]), -most, most - 1.0F);
    products += weight[i] * x[i] * quant[i];
    squares += weight[i] * quant[i] * quant[i];
  }
  for (int pass = 0; pass < 5; ++pass) {
    bool has_changed = false;
    for (int i = 0; i < kCount; ++i) {
      const Real other_products = products - weight[i] * x[i] * quant[i];
      const Real other_squares = squares - weight[i] * quant[i] * quant[i];
      const Real q = limit(nearest(x[i] * other_squares / other_products), -most, most - 1.0F);
      const Real new_products = other_products + weight[i] * x[i] * q;
      const Real new_squares = other_squares + weight[i] * q * q;
      const auto is_better = (other_products > 0.0F) & (q != quant[i]) & (new_squares > 0.0F) &
                             (new_products * new_products * squares > products * products * new_squares);
      quant[i] = select(is_better, q, quant[i]);
      products = select(is_better, new_products, products);
      squares = select(is_better, new_squares, squares);
      has_changed |= any(is_better);
    }
    if (!has_changed) break;
  }
  const auto is_nothing = magnitude < kNothing;
  for (int i = 0; i < kCount; ++i) quant[i] = select(is_nothing, Real{}, quant[i] + most);
  return select(is_nothing, Real{}, select(squares > 0.0F, products / squares, Real{}));
}

/// x ~ scale * quant - minimum, quant 0 .. most, minimum >= 0: for each candidate the least squares of scale and
/// minimum together.
template <int kCount, typename Real>
Real search_affine(const Real* x, const Real* weight, int most, const AffineSteps& steps, Real* quant, Real& minimum) {
  Real low = x[0];
  Real high = x[0];
  Real sum_w = weight[0];
  Real sum_x = sum_w * x[0];
  for (int i = 1; i < kCount; ++i) {
    low = select(x[i] < low, x[i], low);
    high = select(x[i] > high, x[i], high);
    sum_w += weight[i];
    sum_x += weight[i] * x[i];
  }
  low = select(low > 0.0F, Real{}, low);
  const Real lowest = low;
  const auto is_flat = high == low;
  const auto parts = static_cast<float>(most);
  const auto quantize = [&](Real value, Real inverse, Real from) {
    return limit(nearest(inverse * (value - from)), 0.0F, parts);
  };
  const auto error_of = [&](const Real* q, Real scale, Real offset) {
    Real sum = Real{};
    for (int i = 0; i < kCount; ++i) {
      const Real difference = scale * q[i] + offset - x[i];
      sum += weight[i] * (steps.is_absolute ? absolute(difference) : difference * difference);
    }
    return sum;
  };
  Real chosen = parts / (high - low);
  Real chosen_low = low;
  Real scale = 1.0F / chosen;
  for (int i = 0; i < kCount; ++i) quant[i] = quantize(x[i], chosen, low);
  Real best = error_of(quant, scale, low);
  Real q[kCount];
  for (int i = 0; i <= steps.last; ++i) {
    const Real inverse = (steps.first + steps.step * static_cast<float>(i) + parts) / (high - low);
    Real sum_q = Real{};
    Real sum_qq = Real{};
    Real sum_xq = Real{};
    for (int j = 0; j < kCount; ++j) {
      q[j] = quantize(x[j], inverse, low);
      const Real weighted = weight[j] * q[j];
      sum_q += weighted;
      sum_qq += weighted * q[j];
      sum_xq += weighted * x[j];
    }
    const Real determinant = sum_w * sum_qq - sum_q * sum_q;
    Real new_scale = (sum_w * sum_xq - sum_x * sum_q) / determinant;
    Real new_low = (sum_qq * sum_x - sum_q * sum_xq) / determinant;
    const auto is_above = new_low > 0.0F;
    new_scale = select(is_above, sum_xq / sum_qq, new_scale);
    new_low = select(is_above, Real{}, new_low);
    const Real error = error_of(q, new_scale, new_low);
    const auto is_better = (determinant > 0.0F) & (error < best);
    if (!any(is_better)) continue;
    // The next candidates divide the range from the improved minimum on.
    chosen = select(is_better, inverse, chosen);
    chosen_low = select(is_better, low, chosen_low);
    best = select(is_better, error, best);
    scale = select(is_better, new_scale, scale);
    low = select(is_better, new_low, low);
  }
  for (int i = 0; i < kCount; ++i) quant[i] = select(is_flat, Real{}, quantize(x[i], chosen, chosen_low));
  minimum = -select(is_flat, lowest, low);
  return select(is_flat, Real{}, scale);
}

/// x ~ scale * quant for values that are not negative, quant 0 .. most: the scales of a super-block's groups. Quants of
/// negative values are kept modulo 256, as the reference does.
template <int kCount>
float search_positive(const float* x, const float* weight, int most, std::uint8_t* quant) {
  float largest = 0;
  for (int i = 0; i < kCount; ++i) largest = x[i] > largest ? x[i] : largest;
  if (largest < kNothing) {
    for (int i = 0; i < kCount; ++i) quant[i] = 0;
    return 0;
  }
  const auto quantize = [&](float value, float inverse) { return std::min(nearest_int(inverse * value), most); };
  const auto error_of = [&](float inverse, auto quant_of) {
    const float scale = 1.0F / inverse;
    float sum = 0;
    for (int i = 0; i < kCount; ++i) {
      const float difference = x[i] - scale * static_cast<float>(quant_of(x[i], inverse));
      sum += weight[i] * difference * difference;
    }
    return sum;
  };
  float chosen = static_cast<float>(most) / largest;
  float best = error_of(
      chosen, [](float value, float inverse) { return static_cast<std::uint8_t>(nearest_int(inverse * value)); });
  for (int step = -4; step <= 4; ++step) {
    if (step == 0) continue;
    const float inverse = (0.1F * static_cast<float>(step) + static_cast<float>(most)) / largest;
    const float error = error_of(inverse, quantize);
    if (error < best) {
      best = error;
      chosen = inverse;
    }
  }
  float products = 0;
  float squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const int rounded = quantize(x[i], chosen);
    quant[i] = static_cast<std::uint8_t>(rounded);
    const auto q = static_cast<float>(rounded);
    products += weight[i] * x[i] * q;
    squares += weight[i] * q * q;
  }
  for (int pass = 0; pass < 5; ++pass) {
    bool has_changed = false;
    for (int i = 0; i < kCount; ++i) {
      const float q = quant[i];
      float new_products = products - weight[i] * x[i] * q;
      float new_squares = squares - weight[i] * q * q;
      if (!(new_products > 0 && new_squares > 0)) continue;
      const int moved = std::min(nearest_int(x[i] * new_squares / new_products), most);
      if (moved == quant[i]) continue;
      const auto r = static_cast<float>(moved);
      new_products += weight[i] * x[i] * r;
      new_squares += weight[i] * r * r;
      if (!(new_products * new_products * squares > products * products * new_squares)) continue;
      quant[i] = static_cast<std::uint8_t>(moved);
      products = new_products;
      squares = new_squares;
      has_changed = true;
    }
    if (!has_changed) break;
  }
  return squares > 0 ? products / squares : 0.0F;
}

}  // namespace
}  // namespace assay::quant
