// The elements of MXFP4 and NVFP4: 1 sign, 2 exponent and 1 fraction bits (E2M1), doubled to be integers. OCP
// Microscaling Formats 1.0. Only files of this room include it.
#pragma once

#include <cstdint>

#include "quant/search.h"

namespace assay::quant {

inline constexpr std::int8_t kDoubledE2M1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// Index of the nearest of the doubled elements times `scale`; of equals the first.
inline int nearest_e2m1(float value, float scale) {
  int best = 0;
  for (int i = 1; i < 16; ++i) {
    const auto distance = [&](int index) { return absolute(static_cast<float>(kDoubledE2M1[index]) * scale - value); };
    if (distance(i) < distance(best)) best = i;
  }
  return best;
}

}  // namespace assay::quant
