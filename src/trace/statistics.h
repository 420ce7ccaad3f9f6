// What a row of values is like in six numbers: enough to see where a model breaks, small enough to take of every value.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "engine/engine.h"

namespace assay::trace {

/// Sums and extremes are of the finite values only.
struct Statistics {
  std::uint64_t count = 0;  ///< values, the non-finite ones included
  std::uint64_t non_finite = 0;
  double sum = 0;
  double sum_of_squares = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();

  std::uint64_t finite() const { return count - non_finite; }
  /// NaN where nothing is finite.
  double mean() const { return sum / static_cast<double>(finite()); }
  double rms() const { return std::sqrt(sum_of_squares / static_cast<double>(finite())); }
  void add(const Statistics& other);
};

/// Sums are in float64.
Statistics measure(const float* values, std::size_t count);
Statistics measure(const double* values, std::size_t count);
Statistics measure(const engine::Rows& rows, std::size_t row);

}  // namespace assay::trace
