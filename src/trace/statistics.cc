#include "trace/statistics.h"

#include <algorithm>

#include "kernels/kernels.h"

namespace assay::trace {
namespace {

/// Looks at every value.
template <typename Value>
Statistics measure_carefully(const Value* values, std::size_t count) {
  Statistics statistics;
  statistics.count = count;
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(values[i]);
    if (!std::isfinite(value)) {
      ++statistics.non_finite;
      continue;
    }
    statistics.sum += value;
    statistics.sum_of_squares += value * value;
    statistics.min = std::min(statistics.min, value);
    statistics.max = std::max(statistics.max, value);
  }
  return statistics;
}

}  // namespace

void Statistics::add(const Statistics& other) {
  count += other.count;
  non_finite += other.non_finite;
  sum += other.sum;
  sum_of_squares += other.sum_of_squares;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
}

Statistics measure(const float* values, std::size_t count) {
  const kernels::RowSums sums = kernels::kernels().row_sums(values, count);
  // A value that is not finite leaves its mark on this sum.
  if (!std::isfinite(sums.sum_of_squares)) return measure_carefully(values, count);
  return {count, 0, sums.sum, sums.sum_of_squares, double{sums.min}, double{sums.max}};
}

Statistics measure(const double* values, std::size_t count) { return measure_carefully(values, count); }

Statistics measure(const engine::Rows& rows, std::size_t row) {
  if (rows.f64 != nullptr) return measure(rows.f64 + row * rows.width, rows.width);
  return measure(rows.f32 + row * rows.width, rows.width);
}

}  // namespace assay::trace
