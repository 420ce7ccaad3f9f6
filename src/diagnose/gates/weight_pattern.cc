#include "diagnose/gates/weight_pattern.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace assay::diagnose {
namespace {

constexpr double kSmall = 0.02;

struct Rows {
  const Matrix& ours;
  const Matrix& theirs;
};

double squares(const double* values, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += values[i] * values[i];
  return sum;
}

std::string zeros(const Rows& rows) {
  const auto count = [](const Matrix& matrix) {
    return static_cast<double>(std::count(matrix.values.begin(), matrix.values.end(), 0.0)) /
           static_cast<double>(matrix.values.size());
  };
  const double theirs = count(rows.theirs);
  const double ours = count(rows.ours);
  if (theirs < ours + 0.1) return "";
  return fmt::format("{:.0f} % of the values are zero, {:.0f} % in the file", 100 * theirs, 100 * ours);
}

std::string right_rows(const Rows& rows) {
  std::size_t right = 0;
  for (std::size_t i = 0; i < rows.ours.rows; ++i) {
    double error = 0;
    for (std::size_t c = 0; c < rows.ours.width; ++c) {
      error += std::pow(rows.theirs.row(i)[c] - rows.ours.row(i)[c], 2);
    }
    right += error <= kSmall * kSmall * squares(rows.ours.row(i), rows.ours.width) ? 1 : 0;
  }
  return right == 0 ? "" : fmt::format("{} of {} rows that were looked at are right", right, rows.ours.rows);
}

/// Which places of every run of `length` values are right, while others are not.
std::string right_places(const Rows& rows, std::size_t length) {
  if (length < 2 || rows.ours.width % length != 0) return "";
  std::vector<double> error(length);
  std::vector<double> size(length);
  for (std::size_t i = 0; i < rows.ours.values.size(); ++i) {
    const std::size_t place = i % rows.ours.width % length;
    error[place] += std::pow(rows.theirs.values[i] - rows.ours.values[i], 2);
    size[place] += rows.ours.values[i] * rows.ours.values[i];
  }
  std::vector<std::size_t> right;
  for (std::size_t i = 0; i < length; ++i) {
    if (error[i] <= kSmall * kSmall * size[i]) right.push_back(i);
  }
  if (right.empty() || right.size() == length) return "";
  const bool is_run = right.back() - right.front() + 1 == right.size();
  const std::string which = is_run ? fmt::format("{} to {}", right.front(), right.back())
                                   : fmt::format("{}, {}, ... ({} of them)", right[0], right[1], right.size());
  return fmt::format("values {} of every {} are right", which, length);
}

/// What every run of `length` values has in common with the right ones.
std::string runs(const Rows& rows, std::size_t length) {
  if (length < 4 || rows.ours.width % length != 0) return "";
  bool are_permuted = true;
  bool are_scaled = true;
  bool are_affine = true;
  std::vector<double> a(length);
  std::vector<double> b(length);
  for (std::size_t at = 0; at < rows.ours.values.size(); at += length) {
    const double* ours = rows.ours.values.data() + at;
    const double* theirs = rows.theirs.values.data() + at;
    double sum = 0;
    double their_sum = 0;
    double products = 0;
    for (std::size_t i = 0; i < length; ++i) {
      sum += ours[i];
      their_sum += theirs[i];
      products += ours[i] * theirs[i];
    }
    const double count = static_cast<double>(length);
    const double own = squares(ours, length);
    const double their_squares = squares(theirs, length);
    const double limit = kSmall * kSmall * their_squares;
    are_scaled = are_scaled && own > 0 && their_squares > 0 && their_squares - products * products / own <= limit;
    const double variance = own - sum * sum / count;
    const double covariance = products - sum * their_sum / count;
    const double their_variance = their_squares - their_sum * their_sum / count;
    are_affine = are_affine && variance > 0 && their_variance - covariance * covariance / variance <= limit;
    a.assign(ours, ours + length);
    b.assign(theirs, theirs + length);
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    double difference = 0;
    for (std::size_t i = 0; i < length; ++i) difference += (a[i] - b[i]) * (a[i] - b[i]);
    are_permuted = are_permuted && difference <= kSmall * kSmall * own;
  }
  if (are_permuted) return fmt::format("every {} values are the right ones in another order", length);
  if (are_scaled) return fmt::format("every {} values have a factor of their own: scales are misread", length);
  if (are_affine) {
    return fmt::format("every {} values have a factor and an offset of their own: scales or minimums are misread",
                       length);
  }
  return "";
}

}  // namespace

std::string pattern_of(const WeightPair& pair, const WeightPlace& place, std::size_t block_values) {
  const Matrix theirs = pair.their_rows(place);
  const Rows rows{pair.our_rows(), theirs};
  if (!std::all_of(theirs.values.begin(), theirs.values.end(), [](double value) { return std::isfinite(value); })) {
    return "values that are not finite";
  }
  std::vector<std::string> seen;
  if (std::string text = zeros(rows); !text.empty()) seen.push_back(std::move(text));
  if (std::string text = right_rows(rows); !text.empty() && !pair.is_vector()) seen.push_back(std::move(text));
  // Small runs say more than large ones.
  const auto first_of = [&](std::string (*look)(const Rows&, std::size_t)) {
    for (const std::size_t length : {16, 32, 64, 128, 256}) {
      if (length > std::max<std::size_t>(block_values, 32)) break;
      if (std::string text = look(rows, length); !text.empty()) return text;
    }
    return std::string();
  };
  std::string text = first_of(right_places);
  if (text.empty()) text = first_of(runs);
  if (!text.empty()) seen.push_back(std::move(text));
  return fmt::format("{}", fmt::join(seen, "; "));
}

}  // namespace assay::diagnose
