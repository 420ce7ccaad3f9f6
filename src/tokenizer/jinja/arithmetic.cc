// + - * / // % ** of Python on values.
#include <algorithm>
#include <cmath>

#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"

namespace assay::tokenizer::jinja {
namespace {

[[noreturn]] void fail_overflow() { throw Failure("integer overflow: more than 64 bits"); }

std::int64_t power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) fail_overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) {
      fail_overflow();
    }
  }
  return result;
}

Value integer_arithmetic(std::string_view sign, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  if (sign == "+") {
    overflow = __builtin_add_overflow(a, b, &result);
  } else if (sign == "-") {
    overflow = __builtin_sub_overflow(a, b, &result);
  } else if (sign == "*") {
    overflow = __builtin_mul_overflow(a, b, &result);
  } else if (sign == "**") {
    if (b >= 0) return Value(power(a, b));
    if (a == 0) throw Failure("0.0 cannot be raised to a negative power");
    return Value(std::pow(static_cast<double>(a), static_cast<double>(b)));
  } else {
    if (b == 0) throw Failure(sign == "/" ? "division by zero" : "integer division or modulo by zero");
    if (sign == "/") return Value(static_cast<double>(a) / static_cast<double>(b));
    if (b == -1) {
      overflow = __builtin_sub_overflow(std::int64_t{0}, a, &result);
      if (sign == "%") return Value(std::int64_t{0});
    } else {
      // Python rounds the quotient down; C++ cuts it.
      const bool borrow = a % b != 0 && (a % b < 0) != (b < 0);
      result = sign == "%" ? a % b + (borrow ? b : 0) : a / b - (borrow ? 1 : 0);
    }
  }
  if (overflow) fail_overflow();
  return Value(result);
}

Value real_arithmetic(std::string_view sign, double a, double b) {
  if (sign == "+") return Value(a + b);
  if (sign == "-") return Value(a - b);
  if (sign == "*") return Value(a * b);
  if (sign == "**") {
    if (a == 0 && b < 0) throw Failure("0.0 cannot be raised to a negative power");
    if (a < 0 && std::isfinite(a) && std::isfinite(b) && std::floor(b) != b)
      throw Failure("complex numbers are unknown");
    const double result = std::pow(a, b);
    if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) throw Failure("Numerical result out of range");
    return Value(result);
  }
  if (b == 0) throw Failure(sign == "%" ? "float modulo" : "float division by zero");
  if (sign == "/") return Value(a / b);
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0) {
    if ((b < 0) != (remainder < 0)) {
      remainder += b;
      quotient -= 1;
    }
  } else {
    remainder = std::copysign(0.0, b);
  }
  if (sign == "%") return Value(remainder);
  if (quotient == 0) return Value(std::copysign(0.0, a / b));
  const double whole = std::floor(quotient);
  return Value(quotient - whole > 0.5 ? whole + 1 : whole);
}

Value repeat(Budget& budget, const Value& value, std::int64_t times) {
  const auto count = times > 0 ? static_cast<std::size_t>(times) : 0;
  const std::size_t size = value.is_string() ? value.bytes().size() : value.items().size() * sizeof(Value);
  if (size != 0 && count > (std::size_t{1} << 40) / size) budget.check(std::size_t{1} << 40);
  budget.check(size * count);
  if (value.is_string()) {
    // Short texts are first repeated to a block, which goes faster.
    std::string block;
    const std::size_t in_block = size == 0 ? 1 : std::min(count, 1 + 4096 / size);
    for (std::size_t i = 0; i < in_block; ++i) block += value.bytes();
    Builder out(budget);
    for (std::size_t left = size == 0 ? 0 : count; left > 0;) {
      const std::size_t some = std::min(left, in_block);
      out.append(std::string_view(block).substr(0, some * size));
      left -= some;
    }
    return string(&budget, out.take(), value.text().markup);
  }
  ListBuilder out(budget);
  for (std::size_t i = 0; size != 0 && i < count; ++i) {
    for (const Value& item : value.items()) out.add(item);
  }
  return value.is(Kind::list) ? out.finish() : tuple(budget, std::move(out.items()));
}

Value concatenate(Budget& budget, const Value& a, const Value& b) {
  if (a.is_string()) {
    const bool markup = a.text().markup || b.text().markup;
    Builder out(budget);
    out.append((markup ? escape_html(budget, a) : a).bytes());
    out.append((markup ? escape_html(budget, b) : b).bytes());
    return string(&budget, out.take(), markup);
  }
  ListBuilder out(budget);
  for (const Value& item : a.items()) out.add(item);
  for (const Value& item : b.items()) out.add(item);
  return a.is(Kind::list) ? out.finish() : tuple(budget, std::move(out.items()));
}

}  // namespace

Value arithmetic(Budget& budget, std::string_view sign, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    return a.is_integral() && b.is_integral() ? integer_arithmetic(sign, a.integer(), b.integer())
                                              : real_arithmetic(sign, a.real(), b.real());
  }
  if (sign == "%" && a.is_string()) return percent_format(budget, a.text(), b);
  if (a.is_undefined()) throw Failure(std::string(a.bytes()));
  if (b.is_undefined()) throw Failure(std::string(b.bytes()));
  const bool joinable = a.is_string() || a.is_sequence();
  if (sign == "+" && joinable) {
    if (a.kind() == b.kind()) return concatenate(budget, a, b);
    throw Failure("can only concatenate " + type_name(a) + " (not \"" + type_name(b) + "\") to " + type_name(a));
  }
  if (sign == "*" && joinable && b.is_integral()) return repeat(budget, a, b.integer());
  if (sign == "*" && a.is_integral() && (b.is_string() || b.is_sequence())) return repeat(budget, b, a.integer());
  throw Failure("unsupported operand type(s) for " + std::string(sign) + ": '" + type_name(a) + "' and '" +
                type_name(b) + "'");
}

Value negate(const Value& value) {
  if (value.is(Kind::real)) return Value(-value.real());
  if (value.is_undefined()) throw Failure(std::string(value.bytes()));
  if (!value.is_integral()) throw Failure("bad operand type for unary -: '" + type_name(value) + "'");
  return integer_arithmetic("-", 0, value.integer());
}

Value plus(const Value& value) {
  if (value.is_undefined()) throw Failure(std::string(value.bytes()));
  if (!value.is_number()) throw Failure("bad operand type for unary +: '" + type_name(value) + "'");
  return value.is(Kind::real) ? value : Value(value.integer());
}

}  // namespace assay::tokenizer::jinja
