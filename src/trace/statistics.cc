#include "trace/statistics.h"

#include <algorithm>

namespace assay::trace {
namespace {

constexpr std::size_t kLanes = 8;

/// Looks at every value; for rows that are not all finite.
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

template <typename Value>
Statistics measure_row(const Value* values, std::size_t count) {
  if (count < kLanes) return measure_carefully(values, count);
  // Loops of fixed length over arrays: compilers make vector code of them.
  double sum[kLanes] = {};
  double sum_of_squares[kLanes] = {};
  Value low[kLanes];
  Value high[kLanes];
  std::copy_n(values, kLanes, low);
  std::copy_n(values, kLanes, high);
  const std::size_t whole = count / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const Value value = values[i + lane];
      const auto wide = static_cast<double>(value);
      sum[lane] += wide;
      sum_of_squares[lane] += wide * wide;
      low[lane] = value < low[lane] ? value : low[lane];
      high[lane] = value > high[lane] ? value : high[lane];
    }
  }
  Statistics statistics = measure_carefully(values + whole, count - whole);
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    const auto l = static_cast<double>(low[lane]);
    const auto h = static_cast<double>(high[lane]);
    statistics.sum += sum[lane];
    statistics.sum_of_squares += sum_of_squares[lane];
    statistics.min = std::min(statistics.min, l);
    statistics.max = std::max(statistics.max, h);
  }
  statistics.count = count;
  // A value that is not finite leaves its mark on this sum.
  if (statistics.non_finite > 0 || !std::isfinite(statistics.sum_of_squares)) return measure_carefully(values, count);
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

Statistics measure(const float* values, std::size_t count) { return measure_row(values, count); }
Statistics measure(const double* values, std::size_t count) { return measure_row(values, count); }

Statistics measure(const engine::Rows& rows, std::size_t row) {
  if (rows.f64 != nullptr) return measure(rows.f64 + row * rows.width, rows.width);
  return measure(rows.f32 + row * rows.width, rows.width);
}

}  // namespace assay::trace
