// What IQ4_NL and IQ4_XS share around their codebook. Only files of this room include it.
#pragma once

#include "quant/codebook_search.h"
#include "quant/encode.h"

namespace assay::quant {

/// Index of the nearest value; the larger one where two are as near, the last for NaN.
inline int codebook_index(float value) {
  int index = 0;
  for (int i = 0; i < 15; ++i) {
    const float middle = 0.5F * static_cast<float>(kCodebook[i] + kCodebook[i + 1]);
    index += value < middle ? 0 : 1;
  }
  return index;
}

/// Weights of search_codebook for `count` values: importance * sqrt(2 * mean square + x^2), or x^2 without one.
inline void codebook_weights(const float* x, const float* importance, std::size_t count, float* weights) {
  if (importance != nullptr) {
    importance_weights(x, importance, sum_of_squares(x, count) * (2.0F / static_cast<float>(count)), count, weights);
  } else {
    for (std::size_t i = 0; i < count; ++i) weights[i] = x[i] * x[i];
  }
}

/// 32 indices 0 .. 15 of x * inverse in 16 bytes, laid as pack_nibbles does.
inline void pack_codebook(const float* x, float inverse, std::byte* field) {
  std::int16_t index[32];
  for (int i = 0; i < 32; ++i) index[i] = static_cast<std::int16_t>(codebook_index(inverse * x[i]));
  pack_nibbles(index, 0, field);
}

}  // namespace assay::quant
