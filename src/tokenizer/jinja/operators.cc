#include "tokenizer/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "tokenizer/jinja/objects.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/text_methods.h"

namespace assay::tokenizer::jinja {
namespace {

// An int64 against a double, without rounding the integer.
bool integer_equals(std::int64_t a, double b) {
  return b >= -0x1p63 && b < 0x1p63 && std::trunc(b) == b && static_cast<std::int64_t>(b) == a;
}

bool integer_less(std::int64_t a, double b) {
  if (std::isnan(b)) return false;
  if (b >= 0x1p63) return true;
  if (b < -0x1p63) return false;
  const auto whole = static_cast<std::int64_t>(std::floor(b));
  return a < whole || (a == whole && std::floor(b) < b);
}

bool less_integer(double a, std::int64_t b) {
  if (std::isnan(a)) return false;
  if (a >= 0x1p63) return false;
  if (a < -0x1p63) return true;
  return static_cast<std::int64_t>(std::floor(a)) < b;
}

bool numbers_equal(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.integer() == b.integer();
  if (a.is_integral()) return integer_equals(a.integer(), b.real());
  if (b.is_integral()) return integer_equals(b.integer(), a.real());
  return a.real() == b.real();
}

bool numbers_less(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.integer() < b.integer();
  if (a.is_integral()) return integer_less(a.integer(), b.real());
  if (b.is_integral()) return less_integer(a.real(), b.integer());
  return a.real() < b.real();
}

[[noreturn]] void fail_undefined(const Value& value) { throw Failure(std::string(value.bytes())); }

void refuse_undefined(const Value& a, const Value& b) {
  if (a.is_undefined()) fail_undefined(a);
  if (b.is_undefined()) fail_undefined(b);
}

[[noreturn]] void fail_order(std::string_view sign, const Value& a, const Value& b) {
  refuse_undefined(a, b);
  throw Failure("'" + std::string(sign) + "' not supported between instances of '" + type_name(a) + "' and '" +
                type_name(b) + "'");
}

// < or <=
bool ordered(Budget& budget, std::string_view sign, const Value& a, const Value& b, bool or_equal) {
  budget.step();
  if (a.is_number() && b.is_number()) return numbers_less(a, b) || (or_equal && numbers_equal(a, b));
  if (a.is_string() && b.is_string()) {
    // Bytes of UTF-8 are ordered as code points are.
    const int order = a.bytes().compare(b.bytes());
    budget.touch(std::min(a.bytes().size(), b.bytes().size()));
    return order < 0 || (or_equal && order == 0);
  }
  if (a.is_sequence() && a.kind() == b.kind()) {
    const auto level = budget.nest();
    const std::size_t shared = std::min(a.items().size(), b.items().size());
    for (std::size_t i = 0; i < shared; ++i) {
      if (!equals(budget, a.items()[i], b.items()[i])) {
        return ordered(budget, sign, a.items()[i], b.items()[i], or_equal);
      }
    }
    return or_equal ? a.items().size() <= b.items().size() : a.items().size() < b.items().size();
  }
  fail_order(sign, a, b);
}

bool dicts_equal(Budget& budget, const Dict& a, const Dict& b) {
  if (a.items().size() != b.items().size()) return false;
  return std::all_of(a.items().begin(), a.items().end(), [&](const auto& item) {
    const Value* other = b.find(budget, item.first);
    return other != nullptr && equals(budget, item.second, *other);
  });
}

}  // namespace

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return value.integer() != 0;
    case Kind::real:
      return value.real() != 0;
    case Kind::string:
      return !value.bytes().empty();
    case Kind::list:
    case Kind::tuple:
      return !value.items().empty();
    case Kind::dict:
      return !value.dict().items().empty();
    case Kind::object:
      break;
  }
  return value.object().truth();
}

bool equals(Budget& budget, const Value& a, const Value& b) {
  budget.step();
  if (a.is_number() && b.is_number()) return numbers_equal(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::string:
      if (a.bytes().size() == b.bytes().size()) budget.touch(a.bytes().size());
      return a.bytes() == b.bytes();
    case Kind::list:
    case Kind::tuple: {
      const auto level = budget.nest();
      return std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(),
                        [&](const Value& x, const Value& y) { return equals(budget, x, y); });
    }
    case Kind::dict: {
      const auto level = budget.nest();
      return dicts_equal(budget, a.dict(), b.dict());
    }
    case Kind::object: {
      const auto *x = a.as<Range>(), *y = b.as<Range>();
      return a.node() == b.node() || (x != nullptr && y != nullptr && x->same(*y));
    }
    default:  // None, and undefined, which equals only itself
      return true;
  }
}

bool less(Budget& budget, const Value& a, const Value& b) { return ordered(budget, "<", a, b, false); }

bool compare(Budget& budget, std::string_view sign, const Value& a, const Value& b) {
  if (sign == "==") return equals(budget, a, b);
  if (sign == "!=") return !equals(budget, a, b);
  if (sign == "<") return ordered(budget, sign, a, b, false);
  if (sign == "<=") return ordered(budget, sign, a, b, true);
  refuse_undefined(a, b);
  try {
    return ordered(budget, sign, b, a, sign == ">=");
  } catch (const Failure&) {
    // The words name the operands in the order in which they were written.
    if (!(a.is_number() && b.is_number()) && a.kind() != b.kind()) fail_order(sign, a, b);
    throw;
  }
}

std::size_t hash(Budget& budget, const Value& value) {
  budget.step();
  switch (value.kind()) {
    case Kind::boolean:
    case Kind::integer:
      return std::hash<std::int64_t>{}(value.integer());
    case Kind::real: {
      const double number = value.real();
      const bool whole = number >= -0x1p63 && number < 0x1p63 && std::trunc(number) == number;
      return whole ? std::hash<std::int64_t>{}(static_cast<std::int64_t>(number)) : std::hash<double>{}(number);
    }
    case Kind::string:
      budget.touch(value.bytes().size());
      return std::hash<std::string_view>{}(value.bytes());
    case Kind::tuple: {
      std::size_t result = 1;
      for (const Value& item : value.items()) result = result * 1000003 + hash(budget, item);
      return result;
    }
    case Kind::list:
    case Kind::dict:
      throw Failure("unhashable type: '" + type_name(value) + "'");
    case Kind::object:
      return std::hash<const Node*>{}(value.node());
    default:
      return static_cast<std::size_t>(value.kind());
  }
}

bool contains(Budget& budget, const Value& haystack, const Value& needle) {
  if (haystack.is_string()) {
    if (needle.is_undefined()) fail_undefined(needle);
    if (!needle.is_string()) {
      throw Failure("'in <string>' requires string as left operand, not " + type_name(needle));
    }
    return find_bytes(budget, haystack.bytes(), needle.bytes()) != std::string_view::npos;
  }
  if (haystack.is(Kind::dict)) return haystack.dict().find(budget, needle) != nullptr;
  if (const auto* range = haystack.as<Range>(); range != nullptr && needle.is_number()) return range->contains(needle);
  const auto items = try_iterate(budget, haystack);
  if (!items) throw Failure("argument of type '" + type_name(haystack) + "' is not iterable");
  return std::any_of(items->items().begin(), items->items().end(),
                     [&](const Value& item) { return equals(budget, item, needle); });
}

std::size_t length(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return 0;
    case Kind::string:
      return value.text().length;
    case Kind::list:
    case Kind::tuple:
      return value.items().size();
    case Kind::dict:
      return value.dict().items().size();
    case Kind::object:
      if (const auto count = value.object().length()) return *count;
      break;
    default:
      break;
  }
  throw Failure("object of type '" + type_name(value) + "' has no len()");
}

std::optional<Value> try_iterate(Budget& budget, const Value& value) {
  switch (value.kind()) {
    case Kind::list:
    case Kind::tuple:
      return value;
    case Kind::undefined:
      return list(budget, {});
    case Kind::string: {
      ListBuilder characters(budget);
      const Text& text = value.text();
      for (std::size_t at = 0; at < text.bytes.size();) {
        std::size_t end = at + 1;
        while (end < text.bytes.size() && (static_cast<unsigned char>(text.bytes[end]) & 0xC0) == 0x80) ++end;
        characters.add(string(&budget, text.bytes.substr(at, end - at)));
        at = end;
      }
      return characters.finish();
    }
    case Kind::dict: {
      ListBuilder keys(budget);
      for (const auto& item : value.dict().items()) keys.add(item.first);
      return keys.finish();
    }
    case Kind::object:
      return value.object().iterate(budget);
    default:
      return std::nullopt;
  }
}

Value iterate(Budget& budget, const Value& value) {
  if (auto items = try_iterate(budget, value)) return *items;
  throw Failure("'" + type_name(value) + "' object is not iterable");
}

}  // namespace assay::tokenizer::jinja
