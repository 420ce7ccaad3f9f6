// What a row of floats adds up to, for statistics; specified in kernels.h.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>

#include "kernels/generic/dot.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

/// Sixteen lanes, and what is done with them in the end.
struct RowSumLanes {
  double sum[kLanes];
  double squares[kLanes];
  float low[kLanes];
  float high[kLanes];

  void take(std::size_t lane, float value) {
    const double wide = value;
    sum[lane] += wide;
    squares[lane] += wide * wide;
    low[lane] = value < low[lane] ? value : low[lane];
    high[lane] = value > high[lane] ? value : high[lane];
  }
  RowSums total() {
    for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) {
        sum[i] += sum[i + half];
        squares[i] += squares[i + half];
        low[i] = low[i + half] < low[i] ? low[i + half] : low[i];
        high[i] = high[i + half] > high[i] ? high[i + half] : high[i];
      }
    }
    return {sum[0], squares[0], low[0], high[0]};
  }
};

inline RowSums row_sums(const float* x, std::size_t n) {
  Doubles sum = all_doubles(0.0);
  Doubles squares = sum;
  Float low = all_floats(__builtin_inff());
  Float high = all_floats(-__builtin_inff());
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Float values = load_floats(x + i);
    const Doubles wide = doubles_of(values);
    sum = add(sum, wide);
    squares = add(squares, multiply(wide, wide));
    low = min(values, low);
    high = max(values, high);
  }
  RowSumLanes lanes;
  store_doubles(sum, lanes.sum);
  store_doubles(squares, lanes.squares);
  store_floats(low, lanes.low);
  store_floats(high, lanes.high);
  for (std::size_t lane = 0; i < n; ++i, ++lane) lanes.take(lane, x[i]);
  return lanes.total();
}

}  // namespace
}  // namespace assay::kernels
