#include "diagnose/fingerprint.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

namespace assay::diagnose {
namespace {

constexpr double kSmall = 1e-4;

struct RowPair {
  std::size_t row;
  const double* given;
  const double* computed;
};

double dot(const double* a, const double* b, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

double relative(const RowPair& pair, std::size_t width) {
  double difference = 0;
  for (std::size_t c = 0; c < width; ++c) {
    const double d = pair.given[c] - pair.computed[c];
    difference += d * d;
  }
  const double size = dot(pair.computed, pair.computed, width);
  return size > 0 ? std::sqrt(difference / size) : difference > 0 ? 1 : 0;
}

std::string scale(const std::vector<RowPair>& rows, std::size_t width) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const RowPair& pair : rows) {
    const double factor = dot(pair.given, pair.computed, width) / dot(pair.computed, pair.computed, width);
    double left = 0;
    for (std::size_t c = 0; c < width; ++c) {
      const double d = pair.given[c] - factor * pair.computed[c];
      left += d * d;
    }
    if (!(left <= kSmall * kSmall * dot(pair.given, pair.given, width))) return "";
    low = std::min(low, factor);
    high = std::max(high, factor);
  }
  if (high - low <= kSmall * std::abs(high))
    return fmt::format("a pure scale: every row is {:.6g} times the right one", high);
  return fmt::format("the right direction with another length: {:.6g} to {:.6g} times, by token", low, high);
}

std::string permutation(const std::vector<RowPair>& rows, std::size_t width, std::size_t part, std::string_view of) {
  std::vector<double> a(part);
  std::vector<double> b(part);
  for (const RowPair& pair : rows) {
    for (std::size_t at = 0; at + part <= width; at += part) {
      std::copy_n(pair.given + at, part, a.begin());
      std::copy_n(pair.computed + at, part, b.begin());
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      double difference = 0;
      for (std::size_t c = 0; c < part; ++c) difference += (a[c] - b[c]) * (a[c] - b[c]);
      if (!(difference <= kSmall * kSmall * dot(b.data(), b.data(), part))) return "";
    }
  }
  return fmt::format("a permutation: the right values within each {}, in another order", of);
}

std::string constant(const std::vector<RowPair>& rows, std::size_t width) {
  if (rows.size() < 2) return "";
  double spread = 0;
  double size = 0;
  for (std::size_t c = 0; c < width; ++c) {
    const double first = rows[0].given[c] - rows[0].computed[c];
    size += first * first;
    for (const RowPair& pair : rows) {
      const double d = pair.given[c] - pair.computed[c] - first;
      spread = std::max(spread, std::abs(d));
    }
  }
  if (!(spread <= kSmall * std::sqrt(size / static_cast<double>(width)))) return "";
  return "a constant vector is missing or added, the same for every token (a bias?)";
}

std::string channel_ratio(const std::vector<RowPair>& rows, std::size_t width) {
  if (rows.size() < 3) return "";
  for (std::size_t c = 0; c < width; ++c) {
    double both = 0;
    double squares = 0;
    for (const RowPair& pair : rows) {
      both += pair.given[c] * pair.computed[c];
      squares += pair.computed[c] * pair.computed[c];
    }
    const double ratio = both / squares;
    for (const RowPair& pair : rows) {
      const double d = pair.given[c] - ratio * pair.computed[c];
      if (!(d * d <= kSmall * kSmall * (squares / static_cast<double>(rows.size()) + 1e-30))) return "";
    }
  }
  return "every channel has its own factor, the same for every token (a norm's weight?)";
}

std::string rotation(const std::vector<RowPair>& rows, std::size_t width, std::size_t head_width) {
  if (head_width == 0) return "";
  for (const RowPair& pair : rows) {
    for (std::size_t at = 0; at + head_width <= width; at += head_width) {
      const double given = dot(pair.given + at, pair.given + at, head_width);
      const double computed = dot(pair.computed + at, pair.computed + at, head_width);
      if (!(std::abs(given - computed) <= kSmall * computed)) return "";
    }
  }
  return "every head keeps its norm: it is rotated otherwise (position, base or pairing)";
}

/// Which rows are wrong, when it is not all of them.
std::string where(const std::vector<RowPair>& rows, std::size_t width) {
  double worst = 0;
  for (const RowPair& pair : rows) worst = std::max(worst, relative(pair, width));
  std::vector<std::size_t> wrong;
  for (const RowPair& pair : rows) {
    if (relative(pair, width) > worst / 100) wrong.push_back(pair.row);
  }
  if (wrong.empty() || wrong.size() == rows.size()) return "";
  if (wrong.size() == 1) return fmt::format("only token {} is wrong", wrong.front());
  if (wrong.back() == rows.back().row && wrong.size() == wrong.back() - wrong.front() + 1) {
    return fmt::format("wrong from token {} on, right before", wrong.front());
  }
  return fmt::format("{} of {} tokens are wrong, the first is {}", wrong.size(), rows.size(), wrong.front());
}

/// Channels of a period that are wrong while others are right.
std::string period(const std::vector<RowPair>& rows, std::size_t width) {
  for (const std::size_t length : {16, 32, 64, 128, 256}) {
    if (width < 2 * length || width % length != 0) continue;
    std::vector<double> error(length);
    for (const RowPair& pair : rows) {
      for (std::size_t c = 0; c < width; ++c) {
        error[c % length] += (pair.given[c] - pair.computed[c]) * (pair.given[c] - pair.computed[c]);
      }
    }
    const double worst = *std::max_element(error.begin(), error.end());
    const auto right = static_cast<std::size_t>(
        std::count_if(error.begin(), error.end(), [&](double e) { return e <= kSmall * kSmall * worst; }));
    if (right > 0) return fmt::format("it repeats every {} channels, {} of them right", length, right);
  }
  return "";
}

std::string non_finite(const std::vector<RowPair>& rows, std::size_t width) {
  for (const RowPair& pair : rows) {
    for (std::size_t c = 0; c < width; ++c) {
      if (std::isfinite(pair.given[c]) || !std::isfinite(pair.computed[c])) continue;
      return fmt::format("first {} at token {}, channel {}, where the exact value is {:.6g}",
                         std::isnan(pair.given[c]) ? "NaN" : "infinity", pair.row, c, pair.computed[c]);
    }
  }
  return "";
}

std::string saturation(const std::vector<RowPair>& rows, std::size_t width) {
  double most = 0;
  for (const RowPair& pair : rows) {
    for (std::size_t c = 0; c < width; ++c) most = std::max(most, std::abs(pair.given[c]));
  }
  std::size_t at_most = 0;
  for (const RowPair& pair : rows) {
    for (std::size_t c = 0; c < width; ++c) {
      const bool is_cut = std::abs(pair.given[c]) == most;
      if (is_cut && std::abs(pair.computed[c]) < most) return "";
      if (!is_cut && std::abs(pair.given[c] - pair.computed[c]) > kSmall * most) return "";
      at_most += is_cut ? 1 : 0;
    }
  }
  return at_most > 1 && most > 0 ? fmt::format("it saturates at {:.6g}, right below", most) : "";
}

}  // namespace

std::string fingerprint(const trace::ForeignTap& given, const Matrix& computed, std::size_t head_width) {
  if (given.values.empty()) return "";
  const std::size_t width = computed.width;
  std::vector<RowPair> all;
  for (std::size_t i = 0; i < given.rows.size(); ++i) {
    all.push_back({given.rows[i], given.values.data() + i * width, computed.row(given.rows[i])});
  }
  if (std::string text = non_finite(all, width); !text.empty()) return text;
  const std::string place = where(all, width);
  double worst = 0;
  for (const RowPair& pair : all) worst = std::max(worst, relative(pair, width));
  std::vector<RowPair> wrong;
  for (const RowPair& pair : all) {
    if (relative(pair, width) > worst / 100) wrong.push_back(pair);
  }
  if (wrong.empty()) return "";
  std::string shape = scale(wrong, width);
  if (shape.empty()) shape = constant(wrong, width);
  if (shape.empty() && head_width > 0) shape = permutation(wrong, width, head_width, "head");
  if (shape.empty()) shape = permutation(wrong, width, width, "row");
  if (shape.empty()) shape = rotation(wrong, width, head_width);
  if (shape.empty()) shape = saturation(wrong, width);
  if (shape.empty()) shape = channel_ratio(wrong, width);
  if (shape.empty()) shape = period(wrong, width);
  if (shape.empty() || place.empty()) return shape + place;
  return place + "; " + shape;
}

}  // namespace assay::diagnose
