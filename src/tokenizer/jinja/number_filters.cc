// Filters that make numbers.
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::tokenizer::jinja {
namespace {

using P = const Parameters&;

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Without white space around it and underscores between digits; nullopt if an underscore stands elsewhere.
std::optional<std::string> plain_number(std::string_view text) {
  text = strip_right(strip_left(text));
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      result.push_back(text[i]);
    } else if (i == 0 || i + 1 == text.size() || !is_alphanumeric(text[i - 1]) || !is_alphanumeric(text[i + 1])) {
      return std::nullopt;
    }
  }
  return result;
}

std::optional<double> parse_real(std::string_view text) {
  const auto plain = plain_number(text);
  if (!plain || plain->empty()) return std::nullopt;
  // strtod also reads hexadecimal and "nan(...)", which Python does not.
  if (plain->find_first_of("xX(") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(plain->c_str(), &end);
  if (end != plain->c_str() + plain->size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t base) {
  auto plain = plain_number(text);
  if (!plain || plain->empty()) return std::nullopt;
  const bool negative = plain->front() == '-';
  if (negative || plain->front() == '+') plain->erase(0, 1);
  const char letter = plain->size() > 1 && plain->front() == '0' ? static_cast<char>((*plain)[1] | 0x20) : '\0';
  const int named = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
  if (named != 0 && (base == 0 || base == named)) {
    plain->erase(0, 2);
    base = named;
  }
  if (base == 0) base = 10;
  if (plain->empty() || plain->front() == '-') return std::nullopt;
  std::int64_t value = 0;
  const std::string signed_text = (negative ? "-" : "") + *plain;
  const char* end = signed_text.data() + signed_text.size();
  const auto result = std::from_chars(signed_text.data(), end, value, static_cast<int>(base));
  if (result.ec == std::errc::result_out_of_range) throw Failure("integer overflow: more than 64 bits");
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return value;
}

std::optional<Value> truncated(double value) {
  if (std::isnan(value)) return std::nullopt;
  if (!(value >= -0x1p63 && value < 0x1p63)) throw Failure("cannot convert float to a 64 bit integer");
  return Value(static_cast<std::int64_t>(value));
}

Value to_int(Runtime&, const Value& subject, P parameters) {
  const Value fallback = parameters.has(0) ? parameters[0] : Value(std::int64_t{0});
  const std::int64_t base = parameters.integer(1, 10);
  if (base != 0 && (base < 2 || base > 36)) throw Failure("int() base must be >= 2 and <= 36, or 0");
  if (subject.is_undefined()) throw Failure(std::string(subject.bytes()));
  if (subject.is_string()) {
    if (const auto value = parse_integer(subject.bytes(), base)) return Value(*value);
    // "42.23" gives 42; what has no end gives the default.
    const auto real = parse_real(subject.bytes());
    if (!real || std::isinf(*real)) return fallback;
    return truncated(*real).value_or(fallback);
  }
  if (subject.is_integral()) return Value(subject.integer());
  if (subject.is(Kind::real)) return truncated(subject.real()).value_or(fallback);
  return fallback;
}

Value to_float(Runtime&, const Value& subject, P parameters) {
  if (subject.is_undefined()) throw Failure(std::string(subject.bytes()));
  if (subject.is_number()) return Value(subject.real());
  if (subject.is_string()) {
    if (const auto value = parse_real(subject.bytes())) return Value(*value);
  }
  return parameters.has(0) ? parameters[0] : Value(0.0);
}

Value absolute(Runtime&, const Value& subject, P) {
  if (subject.is_undefined()) throw Failure(std::string(subject.bytes()));
  if (!subject.is_number()) throw Failure("bad operand type for abs(): '" + type_name(subject) + "'");
  if (subject.is(Kind::real)) return Value(std::fabs(subject.real()));
  return subject.integer() < 0 ? negate(subject) : Value(subject.integer());
}

// round() of Python: halves of the exact binary value go to the even digit.
double round_real(double value, std::int64_t precision) {
  if (!std::isfinite(value) || precision > 300 || value == 0) return value;
  std::array<char, 1024> buffer;
  if (precision >= 0) {
    std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(precision), value);
    return std::strtod(buffer.data(), nullptr);
  }
  const int exponent = static_cast<int>(std::floor(std::log10(std::fabs(value))));
  const std::int64_t digits = exponent + precision;
  if (digits < -1) return std::copysign(0.0, value);
  if (digits == -1) {
    const double unit = std::pow(10.0, exponent + 1);
    return std::copysign(std::fabs(value) > unit / 2 ? unit : 0.0, value);
  }
  std::snprintf(buffer.data(), buffer.size(), "%.*e", static_cast<int>(digits), value);
  return std::strtod(buffer.data(), nullptr);
}

std::int64_t round_integer(std::int64_t value, std::int64_t precision) {
  if (precision >= 0) return value;
  if (precision < -18) return 0;
  std::int64_t unit = 1;
  for (; precision < 0; ++precision) unit *= 10;
  const std::int64_t rest = value % unit, down = value - rest;
  const std::int64_t size = std::abs(rest);
  const bool away = size > unit / 2 || (size == unit / 2 && (down / unit) % 2 != 0);
  std::int64_t result = down;
  if (away && __builtin_add_overflow(down, value < 0 ? -unit : unit, &result)) {
    throw Failure("integer overflow: more than 64 bits");
  }
  return result;
}

Value round_filter(Runtime& runtime, const Value& subject, P parameters) {
  const std::int64_t precision = parameters.integer(0, 0);
  const std::string_view method = parameters.text(1, "common");
  if (method != "common" && method != "ceil" && method != "floor") {
    throw Failure("method must be common, ceil or floor");
  }
  if (subject.is_undefined()) throw Failure(std::string(subject.bytes()));
  if (!subject.is_number()) throw Failure("type " + type_name(subject) + " doesn't define __round__ method");
  if (method == "common") {
    if (subject.is_integral()) return Value(round_integer(subject.integer(), precision));
    return Value(round_real(subject.real(), precision));
  }
  const Value ten(std::int64_t{10});
  const Value scale = arithmetic(runtime.budget, "**", ten, Value(precision));
  const Value scaled = arithmetic(runtime.budget, "*", subject, scale);
  if (scaled.is_integral()) return arithmetic(runtime.budget, "/", scaled, scale);
  const auto whole = truncated(method == "ceil" ? std::ceil(scaled.real()) : std::floor(scaled.real()));
  if (!whole) throw Failure("cannot convert float NaN to integer");
  return arithmetic(runtime.budget, "/", *whole, scale);
}

}  // namespace

const std::vector<Operation>& number_filters() {
  static const std::vector<Operation> table = {
      {"abs", absolute, ""},
      {"float", to_float, "default?"},
      {"int", to_int, "default? base?"},
      {"round", round_filter, "precision? method?"},
  };
  return table;
}

}  // namespace assay::tokenizer::jinja
