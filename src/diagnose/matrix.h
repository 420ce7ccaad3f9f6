// Rows of one value in float64: one vector a token, as the plan's taps have them.
#pragma once

#include <cstddef>
#include <vector>

namespace assay::diagnose {

struct Matrix {
  std::size_t rows = 0;
  std::size_t width = 0;
  std::vector<double> values;  ///< [rows, width]

  Matrix() = default;
  Matrix(std::size_t row_count, std::size_t channels)
      : rows(row_count), width(channels), values(row_count * channels) {}
  double* row(std::size_t i) { return values.data() + i * width; }
  const double* row(std::size_t i) const { return values.data() + i * width; }
  bool empty() const { return values.empty(); }
};

}  // namespace assay::diagnose
