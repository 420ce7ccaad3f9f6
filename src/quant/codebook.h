// The codebook of IQ4_NL and IQ4_XS: sixteen values, denser around zero, and the search for a scale that fits them.
// Only files of this room include it.
#pragma once

#include "quant/encode.h"

namespace assay::quant {

inline constexpr std::int8_t kCodebook[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/// Index of the nearest value; the larger one where two are as near, the last for NaN.
inline int codebook_index(float value) {
  int index = 0;
  for (int i = 0; i < 15; ++i) {
    const float middle = 0.5F * static_cast<float>(kCodebook[i] + kCodebook[i + 1]);
    index += value < middle ? 0 : 1;
  }
  return index;
}

/// The nearest value itself, in four lanes.
inline Lanes codebook_value(Lanes value) {
  Lanes nearest = all<Lanes>(kCodebook[0]);
  for (int i = 0; i < 15; ++i) {
    const float middle = 0.5F * static_cast<float>(kCodebook[i] + kCodebook[i + 1]);
    nearest += select(value < middle, Lanes{}, all<Lanes>(static_cast<float>(kCodebook[i + 1] - kCodebook[i])));
  }
  return nearest;
}

/// x ~ scale * codebook value for groups of 32 values: the extreme value is laid on the codebook's first, and on seven
/// integers to either side of it, and the least squares of each decide.
inline Lanes search_codebook(const Lanes* x, const Lanes* weight) {
  Lanes magnitude;
  const Lanes extreme = find_extreme<32>(x, magnitude);
  Lanes scale;
  Lanes best;
  const auto fit = [&](Lanes inverse, Lanes& products, Lanes& squares) {
    products = Lanes{};
    squares = Lanes{};
    for (int i = 0; i < 32; ++i) {
      const Lanes q = codebook_value(inverse * x[i]);
      products += weight[i] * q * x[i];
      squares += weight[i] * q * q;
    }
  };
  constexpr float kFirst = kCodebook[0];
  Lanes products;
  Lanes squares;
  fit(1.0F / (-extreme / kFirst), products, squares);
  scale = select(squares > 0.0F, products / squares, Lanes{});
  best = scale * products;
  for (int step = -7; step <= 7; ++step) {
    fit((static_cast<float>(step) + kFirst) / extreme, products, squares);
    const auto is_better = (squares > 0.0F) & (products * products > best * squares);
    scale = select(is_better, products / squares, scale);
    best = select(is_better, scale * products, best);
  }
  return select(magnitude < kNothing, Lanes{}, scale);
}

/// Weights of search_codebook for `count` values: importance * sqrt(2 * mean square + x^2), or x^2 without one.
inline void codebook_weights(const float* x, const float* importance, std::size_t count, float* weights) {
  if (importance != nullptr) {
    importance_weights(x, importance, sum_of_squares(x, count) * (2.0F / static_cast<float>(count)), count, weights);
  } else {
    for (std::size_t i = 0; i < count; ++i) weights[i] = x[i] * x[i];
  }
}

/// The scales of four groups of 32 values that lie one after another.
inline void search_codebook_scales(const float* x, const float* weights, float* scale) {
  Lanes values[32];
  Lanes lane_weights[32];
  for (int i = 0; i < 32; ++i) {
    values[i] = gather(x, 32, i);
    lane_weights[i] = gather(weights, 32, i);
  }
  const Lanes found = search_codebook(values, lane_weights);
  for (int lane = 0; lane < kLanes; ++lane) scale[lane] = found[lane];
}

/// 32 indices 0 .. 15 of x * inverse in 16 bytes, laid as pack_nibbles does.
inline void pack_codebook(const float* x, float inverse, std::byte* field) {
  std::int16_t index[32];
  for (int i = 0; i < 32; ++i) index[i] = static_cast<std::int16_t>(codebook_index(inverse * x[i]));
  pack_nibbles(index, 0, field);
}

}  // namespace assay::quant
