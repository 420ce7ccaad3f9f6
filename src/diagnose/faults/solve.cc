#include "diagnose/faults/solve.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace assay::diagnose {

double disagreement(const Matrix& made, const Matrix& given) {
  double sum = 0;
  std::size_t counted = 0;
  for (std::size_t i = 0; i < given.rows; ++i) {
    double difference = 0;
    double size = 0;
    for (std::size_t c = 0; c < given.width; ++c) {
      const double d = made.row(i)[c] - given.row(i)[c];
      difference += d * d;
      size += given.row(i)[c] * given.row(i)[c];
    }
    if (!(size > 0) || !std::isfinite(size) || !std::isfinite(difference)) continue;
    sum += difference / size;
    ++counted;
  }
  return counted == 0 ? INFINITY : std::sqrt(sum / static_cast<double>(counted));
}

double minimize(double low, double high, std::size_t points, const std::function<double(double)>& f) {
  const double apart = (high - low) / static_cast<double>(points);
  double best = low;
  double least = f(low);
  for (std::size_t i = 1; i <= points; ++i) {
    const double x = low + apart * static_cast<double>(i);
    const double y = f(x);
    if (y < least) {
      best = x;
      least = y;
    }
  }
  // Golden section (Kiefer 1953).
  constexpr double kShare = 0.6180339887498949;
  double a = best - apart;
  double b = best + apart;
  double left = b - kShare * (b - a);
  double right = a + kShare * (b - a);
  double at_left = f(left);
  double at_right = f(right);
  for (int i = 0; i < 60 && left < right; ++i) {
    if (at_left < at_right) {
      b = right;
      right = left;
      at_right = at_left;
      left = b - kShare * (b - a);
      at_left = f(left);
    } else {
      a = left;
      left = right;
      at_left = at_right;
      right = a + kShare * (b - a);
      at_right = f(right);
    }
  }
  return (a + b) / 2;
}

Matrix times(Matrix values, double factor) {
  for (double& value : values.values) value *= factor;
  return values;
}

std::vector<Usual> settle(double solved, std::span<const Usual> usual, const std::function<double(double)>& error,
                          int digits) {
  // Values of float32 are that far off by themselves.
  constexpr double kRounding = 1e-7;
  const double enough = 1.1 * error(solved) + kRounding;
  std::vector<Usual> settled;
  for (const Usual& candidate : usual) {
    if (error(candidate.value) <= enough) settled.push_back(candidate);
  }
  if (settled.empty()) settled.push_back({solved, number(solved, digits)});
  return settled;
}

std::string number(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  // No exponent where people write none.
  if (std::abs(value) >= 1 && std::abs(value) < 1e9) {
    std::snprintf(text.data(), text.size(), "%.10g", std::strtod(text.data(), nullptr));
  }
  // Nor a zero before its digit.
  std::string short_text = text.data();
  const std::size_t zero = short_text.find("e-0");
  if (zero != std::string::npos) short_text.erase(zero + 2, 1);
  return short_text;
}

}  // namespace assay::diagnose
