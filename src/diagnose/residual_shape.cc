#include "diagnose/residual_shape.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "diagnose/usual.h"

namespace assay::diagnose {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double squares(const double* values, std::size_t count) {
  return std::inner_product(values, values + count, values, 0.0);
}

double squared_difference(const double* a, const double* b, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

bool are_same(const double* a, const double* b, std::size_t count, double same) {
  const double difference = squared_difference(a, b, count);
  return std::isfinite(difference) && difference <= same * same * squares(b, count);
}

bool all_of(const Residual& r, bool (*holds)(const Residual& r, const RowPair& pair)) {
  return std::all_of(r.rows.begin(), r.rows.end(), [&](const RowPair& pair) { return holds(r, pair); });
}

std::string zeros(const Residual& r) {
  const bool are_zero =
      all_of(r, [](const Residual& all, const RowPair& pair) { return squares(pair.given, all.width) == 0; });
  return are_zero ? "all values are zero" : "";
}

std::string stale(const Residual& r) {
  const bool are_old = all_of(r, [](const Residual& all, const RowPair& pair) {
    return pair.before != nullptr && are_same(pair.given, pair.before, all.width, all.same);
  });
  if (are_old) return "every row is the right one of the token before";
  const bool are_equal = r.rows.size() > 1 && std::all_of(r.rows.begin(), r.rows.end(), [&](const RowPair& pair) {
                           return are_same(pair.given, r.rows.front().given, r.width, r.same);
                         });
  return are_equal ? "the same row for every token" : "";
}

/// The factor in words, when it is a usual one.
std::string usual_factor(double factor, std::size_t width, std::size_t head_width) {
  for (const auto& [size, name] : {std::pair(head_width, "head's width"), std::pair(width, "row's width")}) {
    if (size < 2) continue;
    for (const Usual& usual : factors_of(size, name)) {
      if (std::abs(factor / usual.value - 1) < 1e-3) return ", " + usual.text;
    }
  }
  return "";
}

std::string scale(const Residual& r) {
  double low = kInfinity;
  double high = -kInfinity;
  for (const RowPair& pair : r.rows) {
    const double product = std::inner_product(pair.given, pair.given + r.width, pair.computed, 0.0);
    const double factor = product / squares(pair.computed, r.width);
    double left = 0;
    for (std::size_t c = 0; c < r.width; ++c) {
      left += (pair.given[c] - factor * pair.computed[c]) * (pair.given[c] - factor * pair.computed[c]);
    }
    if (!(left <= r.same * r.same * squares(pair.given, r.width))) return "";
    low = std::min(low, factor);
    high = std::max(high, factor);
  }
  if (high - low <= r.same * std::abs(high)) {
    return fmt::format("a pure scale: every row is {:.6g} times the right one{}", high,
                       usual_factor(high, r.width, r.head_width));
  }
  return fmt::format("the right direction with another length: {:.6g} to {:.6g} times, by token", low, high);
}

std::string constant(const Residual& r) {
  if (r.rows.size() < 2) return "";
  std::vector<double> mean(r.width);
  double computed = 0;
  for (const RowPair& pair : r.rows) {
    for (std::size_t c = 0; c < r.width; ++c) mean[c] += pair.given[c] - pair.computed[c];
    computed += squares(pair.computed, r.width);
  }
  for (double& value : mean) value /= static_cast<double>(r.rows.size());
  double spread = 0;
  for (const RowPair& pair : r.rows) {
    for (std::size_t c = 0; c < r.width; ++c) {
      const double d = pair.given[c] - pair.computed[c] - mean[c];
      spread += d * d;
    }
  }
  const double size = squares(mean.data(), r.width) * static_cast<double>(r.rows.size());
  // Rounding is of the whole value, and must not be what is constant.
  constexpr double kClearly = 0.01;
  if (!(spread <= r.same * r.same * (size + computed) && spread <= kClearly * size)) return "";
  return "a constant vector is missing or added, the same for every token (a bias?)";
}

/// Head h of what was given is head map[h] of what is right.
std::string heads_exchanged(const Residual& r) {
  if (r.head_width == 0 || r.width < 2 * r.head_width) return "";
  const std::size_t heads = r.width / r.head_width;
  std::vector<std::size_t> map(heads);
  for (std::size_t h = 0; h < heads; ++h) {
    std::size_t other = 0;
    const auto is_it = [&](const RowPair& pair) {
      return are_same(pair.given + h * r.head_width, pair.computed + other * r.head_width, r.head_width, r.same);
    };
    while (other < heads && !std::all_of(r.rows.begin(), r.rows.end(), is_it)) ++other;
    if (other == heads) return "";
    map[h] = other;
  }
  if (heads > 16) return "every head is the right one of another head";
  return fmt::format("heads are exchanged: they are the right heads {}", fmt::join(map, " "));
}

/// Permutations that are made by habit, within `length` channels: channel i is the right one at from(i).
template <typename From>
bool is_reordered(const Residual& r, std::size_t length, const From& from) {
  std::vector<double> expected(length);
  for (const RowPair& pair : r.rows) {
    for (std::size_t at = 0; at + length <= r.width; at += length) {
      for (std::size_t i = 0; i < length; ++i) expected[i] = pair.computed[at + from(i)];
      if (!are_same(pair.given + at, expected.data(), length, r.same)) return false;
    }
  }
  return true;
}

std::string known_order(const Residual& r) {
  const std::size_t d = r.head_width;
  if (d < 2 || d % 2 != 0) return "";
  if (is_reordered(r, d, [&](std::size_t i) { return i < d / 2 ? 2 * i : 2 * (i - d / 2) + 1; })) {
    return "channels 2i and 2i + 1 of every head stand at i and i + d/2 (the rows of Q or K were permuted)";
  }
  if (is_reordered(r, d, [&](std::size_t i) { return i / 2 + i % 2 * (d / 2); })) {
    return "channels i and i + d/2 of every head stand at 2i and 2i + 1 (the rows of Q or K were permuted)";
  }
  const std::size_t heads = r.width / d;
  if (heads > 1 && is_reordered(r, heads * d, [&](std::size_t i) { return i % heads * d + i / heads; })) {
    return "heads and their channels are transposed";
  }
  return "";
}

bool is_permuted(const Residual& r, std::size_t part) {
  std::vector<double> a(part);
  std::vector<double> b(part);
  for (const RowPair& pair : r.rows) {
    for (std::size_t at = 0; at + part <= r.width; at += part) {
      a.assign(pair.given + at, pair.given + at + part);
      b.assign(pair.computed + at, pair.computed + at + part);
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      if (!are_same(a.data(), b.data(), part, r.same)) return false;
    }
  }
  return true;
}

std::string permutation(const Residual& r) {
  // Few values in order are alike within coarse rounding whatever they are.
  constexpr double kFine = 0.01;
  if (r.same > kFine) return "";
  if (r.head_width > 0 && is_permuted(r, r.head_width)) {
    return "a permutation: the right values within each head, in another order";
  }
  return is_permuted(r, r.width) ? "a permutation: the right values within each row, in another order" : "";
}

double pair_norm(const double* head, std::size_t a, std::size_t b) { return std::hypot(head[a], head[b]); }

std::string rotation(const Residual& r) {
  const std::size_t d = r.head_width;
  if (d < 2 || d % 2 != 0) return "";
  bool halves = true;
  bool neighbours = true;
  for (const RowPair& pair : r.rows) {
    for (std::size_t at = 0; at + d <= r.width; at += d) {
      const double* given = pair.given + at;
      const double* computed = pair.computed + at;
      const double size = std::sqrt(squares(computed, d));
      if (!(std::abs(std::sqrt(squares(given, d)) - size) <= r.same * size)) return "";
      double halves_change = 0;
      double neighbours_change = 0;
      for (std::size_t i = 0; i < d / 2; ++i) {
        halves_change += std::pow(pair_norm(given, i, i + d / 2) - pair_norm(computed, i, i + d / 2), 2);
        neighbours_change += std::pow(pair_norm(given, 2 * i, 2 * i + 1) - pair_norm(computed, 2 * i, 2 * i + 1), 2);
      }
      halves = halves && halves_change <= r.same * r.same * size * size;
      neighbours = neighbours && neighbours_change <= r.same * r.same * size * size;
    }
  }
  if (halves != neighbours) {
    return fmt::format("every pair of channels ({}) keeps its norm: only the angles are wrong (position or base)",
                       halves ? "i, i + d/2" : "2i, 2i + 1");
  }
  return "every head keeps its norm: it is rotated otherwise (pairing, position or base)";
}

std::string saturation(const Residual& r) {
  double most = 0;
  for (const RowPair& pair : r.rows) {
    for (std::size_t c = 0; c < r.width; ++c) most = std::max(most, std::abs(pair.given[c]));
  }
  std::size_t cut = 0;
  for (const RowPair& pair : r.rows) {
    for (std::size_t c = 0; c < r.width; ++c) {
      const bool is_cut = std::abs(pair.given[c]) == most;
      if (is_cut && std::abs(pair.computed[c]) < most * (1 - r.same)) return "";
      if (!is_cut && std::abs(pair.given[c] - pair.computed[c]) > r.same * most) return "";
      cut += is_cut ? 1 : 0;
    }
  }
  return cut > 1 && most > 0 ? fmt::format("it saturates at {:.6g}, right below", most) : "";
}

std::string channel_ratio(const Residual& r) {
  if (r.rows.size() < 3) return "";
  for (std::size_t c = 0; c < r.width; ++c) {
    double product = 0;
    double own = 0;
    double theirs = 0;
    for (const RowPair& pair : r.rows) {
      product += pair.given[c] * pair.computed[c];
      own += pair.computed[c] * pair.computed[c];
      theirs += pair.given[c] * pair.given[c];
    }
    if (own == 0 && theirs == 0) continue;
    if (!(theirs - product * product / own <= r.same * r.same * theirs)) return "";
  }
  return "every channel has its own factor, the same for every token (a norm's weight?)";
}

/// "0 to 3" or "0, 2 and 5 more".
std::string list(const std::vector<std::size_t>& places) {
  if (places.size() > 2 && places.back() - places.front() + 1 == places.size()) {
    return fmt::format("{} to {}", places.front(), places.back());
  }
  if (places.size() <= 4) return fmt::format("{}", fmt::join(places, ", "));
  return fmt::format("{}, {} and {} more", places[0], places[1], places.size() - 2);
}

/// Which of `parts` are wrong when others are right; part_of(channel) tells a channel's.
template <typename PartOf>
std::vector<std::size_t> wrong_parts(const Residual& r, std::size_t parts, const PartOf& part_of) {
  std::vector<double> error(parts);
  std::vector<double> size(parts);
  for (const RowPair& pair : r.rows) {
    for (std::size_t c = 0; c < r.width; ++c) {
      const double d = pair.given[c] - pair.computed[c];
      error[part_of(c)] += d * d;
      size[part_of(c)] += pair.computed[c] * pair.computed[c];
    }
  }
  std::vector<std::size_t> wrong;
  for (std::size_t i = 0; i < parts; ++i) {
    if (error[i] > r.same * r.same * size[i]) wrong.push_back(i);
  }
  return wrong;
}

std::string some_channels(const Residual& r) {
  if (r.head_width > 0 && r.width >= 2 * r.head_width) {
    const std::size_t heads = r.width / r.head_width;
    const auto wrong = wrong_parts(r, heads, [&](std::size_t c) { return std::min(c / r.head_width, heads - 1); });
    if (!wrong.empty() && wrong.size() < heads) {
      return fmt::format("only head{} {} of {}", wrong.size() == 1 ? "" : "s", list(wrong), heads);
    }
  }
  for (const std::size_t length : {16, 32, 64, 128, 256}) {
    if (r.width < 2 * length || r.width % length != 0) continue;
    const std::size_t wrong = wrong_parts(r, length, [&](std::size_t c) { return c % length; }).size();
    if (wrong > 0 && wrong < length) {
      return fmt::format("it repeats every {} channels, {} of them right", length, length - wrong);
    }
  }
  const auto wrong = wrong_parts(r, r.width, [](std::size_t c) { return c; });
  // A right channel here and there is chance.
  const bool is_run = !wrong.empty() && wrong.back() - wrong.front() + 1 == wrong.size();
  const bool is_few = wrong.size() * 2 < r.width;
  if (wrong.empty() || wrong.size() == r.width || !(is_run || is_few)) return "";
  return fmt::format("only channel{} {} of {}", wrong.size() == 1 ? "" : "s", list(wrong), r.width);
}

}  // namespace

double relative_difference(const RowPair& pair, std::size_t width) {
  const double difference = squared_difference(pair.given, pair.computed, width);
  const double size = squares(pair.computed, width);
  return size > 0 ? std::sqrt(difference / size) : difference > 0 ? 1 : 0;
}

std::string shape_of(const Residual& residual) {
  if (residual.rows.empty()) return "";
  constexpr std::array kShapes = {zeros,       stale,    scale,      constant,      heads_exchanged, known_order,
                                  permutation, rotation, saturation, channel_ratio, some_channels};
  for (const auto shape : kShapes) {
    if (std::string text = shape(residual); !text.empty()) return text;
  }
  return "";
}

}  // namespace assay::diagnose
