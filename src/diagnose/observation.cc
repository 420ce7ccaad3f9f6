#include "diagnose/observation.h"

#include <algorithm>
#include <cmath>
#include <limits>

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

struct RowFacts {
  double count = 0;
  double non_finite = 0;
  double sum = 0;
  double squares = 0;
  double min = kInfinity;
  double max = -kInfinity;
};

RowFacts facts_of(const Matrix& values, std::size_t row) {
  RowFacts facts;
  const bool all = row == trace::kAllRows;
  const double* begin = all ? values.values.data() : values.row(row);
  const std::size_t count = all ? values.values.size() : values.width;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = begin[i];
    ++facts.count;
    if (!std::isfinite(x)) {
      ++facts.non_finite;
      continue;
    }
    facts.sum += x;
    facts.squares += x * x;
    facts.min = std::min(facts.min, x);
    facts.max = std::max(facts.max, x);
  }
  return facts;
}

double rms(const RowFacts& facts) { return std::sqrt(facts.squares / std::max(1.0, facts.count - facts.non_finite)); }

double value_of(const trace::Fact& fact, const Matrix& values, const RowFacts& row) {
  switch (fact.kind) {
    case trace::FactKind::value:
    case trace::FactKind::top:
      return values.row(fact.row)[fact.channel];
    case trace::FactKind::mean:
      return row.sum / (row.count - row.non_finite);
    case trace::FactKind::rms:
      return rms(row);
    case trace::FactKind::min:
      return row.min;
    case trace::FactKind::max:
      return row.max;
    case trace::FactKind::sum:
      return row.sum;
    case trace::FactKind::non_finite:
      return row.non_finite;
  }
  return 0;
}

/// What a fact's difference is measured by.
double natural_size(const trace::Fact& fact, const RowFacts& row) {
  if (fact.kind == trace::FactKind::non_finite) return 1;
  const double size = fact.kind == trace::FactKind::sum ? rms(row) * std::sqrt(row.count) : rms(row);
  return size > 0 ? size : 1;
}

template <typename FactValue>
void add_facts(const trace::ForeignTap& given, const Matrix& computed, const FactValue& fact_value, Joined& joined) {
  std::size_t known_row = trace::kAllRows - 1;
  RowFacts row;
  for (const trace::Fact& fact : given.facts) {
    if (fact.row != known_row) row = facts_of(computed, known_row = fact.row);
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
  add_facts(
      given, computed, [&](const trace::Fact& fact) { return fact_of(fact, other); }, joined);
  return joined.value();
}

double fact_of(const trace::Fact& fact, const Matrix& values) {
  return value_of(fact, values, facts_of(values, fact.row));
}

bool is_whole(const trace::ForeignTap& given, std::size_t tokens) {
  return !given.values.empty() && given.rows.size() == tokens;
}

}  // namespace assay::diagnose
