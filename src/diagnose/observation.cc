#include "diagnose/observation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "trace/statistics.h"

namespace assay::diagnose {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Joins relative differences by root mean square.
class Joined {
 public:
  void add(double relative) {
    sum_ += relative * relative;
    ++count_;
  }
  double value() const { return count_ == 0 ? 0 : std::sqrt(sum_ / static_cast<double>(count_)); }

 private:
  double sum_ = 0;
  std::size_t count_ = 0;
};

double row_difference(const double* given, const double* computed, std::size_t width) {
  double difference = 0;
  double size = 0;
  for (std::size_t c = 0; c < width; ++c) {
    if (same(given[c], computed[c])) {
      if (std::isfinite(computed[c])) size += computed[c] * computed[c];
      continue;
    }
    const double d = given[c] - computed[c];
    if (!std::isfinite(d)) return kInfinity;
    difference += d * d;
    size += computed[c] * computed[c];
  }
  if (difference == 0) return 0;
  return size == 0 ? 1 : std::sqrt(difference / size);
}

bool has_finite(const double* row, std::size_t width) {
  return std::all_of(row, row + width, [](double x) { return std::isfinite(x); });
}

trace::Statistics statistics_of(const Matrix& values, std::size_t row) {
  if (row == trace::kAllRows) return trace::measure(values.values.data(), values.values.size());
  return trace::measure(values.row(row), values.width);
}

double value_of(const trace::Fact& fact, const Matrix& values, const trace::Statistics& row) {
  switch (fact.kind) {
    case trace::FactKind::value:
    case trace::FactKind::top:
      return values.row(fact.row)[fact.channel];
    case trace::FactKind::mean:
      return row.mean();
    case trace::FactKind::rms:
      return row.rms();
    case trace::FactKind::min:
      return row.min;
    case trace::FactKind::max:
      return row.max;
    case trace::FactKind::sum:
      return row.sum;
    case trace::FactKind::non_finite:
      return static_cast<double>(row.non_finite);
  }
  return 0;
}

/// What a fact's difference is measured by.
double natural_size(const trace::Fact& fact, const trace::Statistics& row) {
  if (fact.kind == trace::FactKind::non_finite) return 1;
  const double size = row.rms() * (fact.kind == trace::FactKind::sum ? std::sqrt(static_cast<double>(row.count)) : 1);
  return size > 0 ? size : 1;
}

/// Of one row after the other: facts of a row stand together.
class RowStatistics {
 public:
  explicit RowStatistics(const Matrix& values) : values_(values) {}
  const trace::Statistics& of(std::size_t row) {
    if (row_ != row) statistics_ = statistics_of(values_, *(row_ = row));
    return statistics_;
  }

 private:
  const Matrix& values_;
  std::optional<std::size_t> row_;
  trace::Statistics statistics_;
};

template <typename FactValue>
void add_facts(const trace::ForeignTap& given, const Matrix& computed, const FactValue& fact_value, Joined& joined) {
  RowStatistics rows(computed);
  for (const trace::Fact& fact : given.facts) {
    const trace::Statistics& row = rows.of(fact.row);
    const double theirs = fact_value(fact);
    const double ours = value_of(fact, computed, row);
    if (same(theirs, ours)) {
      joined.add(0);
      continue;
    }
    const double difference = std::max(0.0, std::abs(theirs - ours) - fact.resolution);
    joined.add(std::isfinite(difference) ? difference / natural_size(fact, row) : kInfinity);
  }
}

}  // namespace

double residual(const trace::ForeignTap& given, const Matrix& computed) {
  Joined joined;
  for (std::size_t i = 0; i < (given.values.empty() ? 0 : given.rows.size()); ++i) {
    const double* row = computed.row(given.rows[i]);
    if (!has_finite(row, computed.width) && !has_finite(given.values.data() + i * computed.width, computed.width)) {
      continue;
    }
    joined.add(row_difference(given.values.data() + i * computed.width, row, computed.width));
  }
  add_facts(
      given, computed, [](const trace::Fact& fact) { return fact.value; }, joined);
  return joined.value();
}

double distance(const trace::ForeignTap& given, const Matrix& other, const Matrix& computed) {
  Joined joined;
  for (const std::size_t row : given.rows)
    joined.add(row_difference(other.row(row), computed.row(row), computed.width));
  RowStatistics rows(other);
  add_facts(
      given, computed, [&](const trace::Fact& fact) { return value_of(fact, other, rows.of(fact.row)); }, joined);
  return joined.value();
}

bool is_whole(const trace::ForeignTap& given, std::size_t tokens) {
  return !given.values.empty() && given.rows.size() == tokens;
}

}  // namespace assay::diagnose
