// The operations of a plan in less than float64, for precision policies. Values stay in the oracle's arrays of doubles,
// which hold float32 numbers here; every operation is a float32 operation, and engine/precision.h says what is rounded
// further. Angles, their sines and cosines, exponentials, tanh and erf are computed in float64 and rounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/oracle/operations.h"
#include "engine/precision.h"
#include "model/plan.h"

namespace assay::engine::oracle {

/// Activations of a linear step as 8-bit integers with a scale a block, as oracle/q8.h makes them.
struct Q8Activations {
  std::vector<std::int8_t> quants;  ///< [rows, width]
  std::vector<float> d;             ///< [rows, blocks]
  std::vector<float> sums;          ///< [rows, blocks]: d times the sum of the block's quants
};

/// What a step reads instead of its inputs: copies in its arithmetic, which the whole team makes and shares.
struct RoundedInputs {
  std::vector<double> values[3];
  Q8Activations q8;

  /// Room for `rows` rows of at most `width` values.
  void reserve(std::size_t rows, std::size_t width);
};

/// As run() of operations.h, in `arithmetic`, which is not f64.
void run_rounded(Arithmetic arithmetic, const model::Operation& operation, const Call& call, RoundedInputs& inputs);

}  // namespace assay::engine::oracle
