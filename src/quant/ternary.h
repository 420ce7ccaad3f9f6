// What the ternary types share: quants -1, 0, 1 of d, the largest magnitude of a block of 256 values. Only files of
// this room include it.
#pragma once

#include <algorithm>
#include <cmath>

#include "quant/encode.h"

namespace assay::quant {

/// Ties are rounded away from zero.
inline void encode_ternary(const float* x, const float* /*importance*/, BlockIntegers& integers) {
  float d = 0;
  for (int i = 0; i < 256; ++i) d = std::max(d, absolute(x[i]));
  start_block(d, 256, integers);
  const float inverse = inverse_of(d);
  for (int i = 0; i < 256; ++i)
    integers.quant[i] = static_cast<std::int16_t>(truncate(x[i] * inverse + std::copysign(kBelowHalf, x[i])));
}

}  // namespace assay::quant
