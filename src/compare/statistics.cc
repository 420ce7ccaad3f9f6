#include "compare/statistics.h"

#include <algorithm>
#include <cmath>

namespace assay::compare {
namespace {

constexpr std::size_t kFewestBlocks = 16;

double sum(std::span<const double> values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

}  // namespace

Estimate mean_over_blocks(std::span<const double> values, std::size_t chunk_rows) {
  const auto count = static_cast<double>(values.size());
  Estimate estimate;
  estimate.mean = sum(values) / count;
  if (values.size() < 2) return estimate;

  double squares = 0;
  for (const double value : values) squares += (value - estimate.mean) * (value - estimate.mean);
  estimate.independent_error = std::sqrt(squares / count / (count - 1));

  const std::size_t chunks = values.size() / chunk_rows;
  const std::size_t parts = chunks < kFewestBlocks ? (kFewestBlocks + chunks - 1) / chunks : 1;
  double block_squares = 0;
  double blocks = 0;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t begin = chunk_rows * part / parts;
      const std::size_t end = chunk_rows * (part + 1) / parts;
      if (begin == end) continue;
      const std::span<const double> block = values.subspan(chunk * chunk_rows + begin, end - begin);
      const double excess = sum(block) - estimate.mean * static_cast<double>(block.size());
      block_squares += excess * excess;
      ++blocks;
    }
  }
  estimate.standard_error = std::sqrt(block_squares / (blocks - 1) * blocks) / count;
  return estimate;
}

double percentile(std::span<const double> ascending, double fraction) {
  const double place = fraction * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, ascending.size() - 1);
  return ascending[below] + (place - static_cast<double>(below)) * (ascending[above] - ascending[below]);
}

Spread spread(std::vector<double> values, std::size_t chunk_rows) {
  Spread spread;
  spread.mean = mean_over_blocks(values, chunk_rows);
  std::sort(values.begin(), values.end());
  spread.median = percentile(values, 0.5);
  spread.p90 = percentile(values, 0.9);
  spread.p99 = percentile(values, 0.99);
  spread.p999 = percentile(values, 0.999);
  spread.max = values.back();
  return spread;
}

}  // namespace assay::compare
