#include "trace/foreign/printed.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace assay::trace {

void Printed::add(double value) {
  // A whole number may be one by chance or have lost its zeros.
  if (!std::isfinite(value) || value == std::floor(value)) return;
  std::array<char, 32> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(value), std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  const std::size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
  const int digits = e == 1 ? 1 : static_cast<int>(e) - 1;  // "1.25e-03": all but the point
  const int last_place = exponent - digits + 1;
  last_place_ = has_digits_ ? std::min(last_place_, last_place) : last_place;
  digits_ = has_digits_ ? std::max(digits_, digits) : digits;
  has_digits_ = true;
}

double Printed::resolution(double value) const {
  if (!std::isfinite(value)) return 0;
  const double of_float = std::abs(value) * 0x1p-24;
  if (!has_digits_) return of_float;
  const int exponent = value == 0 ? last_place_ : static_cast<int>(std::floor(std::log10(std::abs(value))));
  const int place = std::max(last_place_, exponent - digits_ + 1);
  return std::max(of_float, 0.5 * std::pow(10, place));
}

}  // namespace assay::trace
