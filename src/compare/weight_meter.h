// Measures two tensors whose arrangement is known, on all threads.
#pragma once

#include "compare/arrangement.h"
#include "compare/weights.h"

namespace assay::compare {

/// Fills in what is counted and summed; `difference.arrangement` and `difference.offset` say what to expect. The number
/// of threads changes no digit. Returns the squared norms of the difference and of the reference.
struct SquaredNorms {
  double difference = 0;
  double reference = 0;
};
SquaredNorms measure_weights(const WeightTensor& reference, const WeightTensor& candidate, int threads,
                             WeightDifference& difference);

}  // namespace assay::compare
