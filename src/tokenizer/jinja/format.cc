// "%5.1f" % value, as Python's str does it.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/text.h"
#include "tokenizer/jinja/objects.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"

namespace assay::tokenizer::jinja {
namespace {

// Wider fields and longer fractions than this serve nobody.
constexpr std::int64_t kMaxDigits = 1000;

struct Conversion {
  bool left = false, sign = false, space = false, alternate = false, zero = false;
  std::int64_t width = 0, precision = -1;
  char type = 0;
};

class Formatter {
 public:
  Formatter(Budget& budget, const Text& format, const Value& arguments)
      : budget_(budget), format_(format.bytes), arguments_(arguments), out_(budget) {}

  Value run() {
    while (at_ < format_.size()) {
      const std::size_t percent = std::min(format_.find('%', at_), format_.size());
      out_.append(format_.substr(at_, percent - at_));
      at_ = percent;
      if (at_ < format_.size()) convert();
    }
    // What has subscripts counts as a mapping, which need not be used up.
    const bool mapping = arguments_.is(Kind::dict) || arguments_.is(Kind::list) || arguments_.is_undefined() ||
                         arguments_.as<Range>() != nullptr;
    const bool all = arguments_.is(Kind::tuple) ? used_ == arguments_.items().size() : used_ > 0 || mapping;
    if (!all) throw Failure("not all arguments converted during string formatting");
    return out_.finish();
  }

 private:
  char peek() const {
    if (at_ >= format_.size()) throw Failure("incomplete format");
    return format_[at_];
  }

  Value next_argument() {
    if (arguments_.is(Kind::tuple)) {
      if (used_ >= arguments_.items().size()) throw Failure("not enough arguments for format string");
      return arguments_.items()[used_++];
    }
    if (used_++ > 0) throw Failure("not enough arguments for format string");
    return arguments_;
  }

  std::int64_t number() {
    if (peek() == '*') {
      ++at_;
      const Value value = next_argument();
      if (!value.is_integral()) throw Failure("* wants int");
      return value.integer();
    }
    std::int64_t result = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      result = result * 10 + (peek() - '0');
      if (result > kMaxDigits) throw Failure("width or precision of a format is too big");
    }
    return result;
  }

  void convert() {
    ++at_;
    std::optional<Value> value;
    if (peek() == '(') {
      const std::size_t end = format_.find(')', at_);
      if (end == std::string_view::npos) throw Failure("incomplete format key");
      if (!arguments_.is(Kind::dict)) throw Failure("format requires a mapping");
      const Value* found = arguments_.dict().find(format_.substr(at_ + 1, end - at_ - 1));
      if (found == nullptr)
        throw Failure("no such format key: " + printable(format_.substr(at_ + 1, end - at_ - 1), 80));
      value = *found;
      at_ = end + 1;
    }
    Conversion c;
    for (bool flags = true; flags; at_ += flags ? 1 : 0) {
      const char flag = peek();
      if (flag == '-')
        c.left = true;
      else if (flag == '+')
        c.sign = true;
      else if (flag == ' ')
        c.space = true;
      else if (flag == '#')
        c.alternate = true;
      else if (flag == '0')
        c.zero = true;
      else
        flags = false;
    }
    c.width = number();
    if (c.width < 0) {
      c.left = true;
      c.width = -std::max(c.width, -kMaxDigits - 1);
    }
    if (peek() == '.') {
      ++at_;
      c.precision = std::max<std::int64_t>(0, number());
    }
    if (c.width > kMaxDigits || c.precision > kMaxDigits) throw Failure("width or precision of a format is too big");
    while (peek() == 'h' || peek() == 'l' || peek() == 'L') ++at_;
    c.type = peek();
    ++at_;
    if (c.type == '%') return out_.append('%');
    if (!value) value = next_argument();
    put(c, *value);
  }

  void put(const Conversion& c, const Value& value) {
    switch (c.type) {
      case 's':
      case 'r':
      case 'a':
        return put_text(c, value);
      case 'c':
        return put_character(c, value);
      case 'd':
      case 'i':
      case 'u':
      case 'o':
      case 'x':
      case 'X':
        return put_integer(c, value);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return put_real(c, value);
      default:
        throw Failure(std::string("unsupported format character '") + c.type + "'");
    }
  }

  void put_text(const Conversion& c, const Value& value) {
    Builder text(budget_);
    if (c.type == 's') {
      print(budget_, value, text);
    } else {
      print_repr(budget_, value, text);
    }
    const Value whole = text.finish();
    const std::size_t most = whole.text().length;
    const std::size_t count = c.precision < 0 ? most : std::min(most, static_cast<std::size_t>(c.precision));
    pad(c, "", substring(whole.text(), 0, count), count, false);
  }

  void put_character(const Conversion& c, const Value& value) {
    std::string text;
    if (value.is_string() && value.text().length == 1) {
      text = value.bytes();
    } else if (value.is_integral() && value.integer() >= 0 && value.integer() < 0x110000 &&
               (value.integer() < 0xD800 || value.integer() > 0xDFFF)) {
      append_utf8(static_cast<char32_t>(value.integer()), text);
    } else {
      throw Failure("%c requires int or char");
    }
    pad(c, "", text, 1, false);
  }

  void put_integer(const Conversion& c, const Value& value) {
    if (!value.is_number()) {
      throw Failure(std::string("%") + c.type + " format: a real number is required, not " + type_name(value));
    }
    std::int64_t number = value.integer();
    if (value.is(Kind::real)) {
      if (c.type == 'o' || c.type == 'x' || c.type == 'X') {
        throw Failure(std::string("%") + c.type + " format: an integer is required, not float");
      }
      const double whole = std::trunc(value.real());
      if (!(whole >= -0x1p63 && whole < 0x1p63)) throw Failure("cannot convert float to a 64 bit integer");
      number = static_cast<std::int64_t>(whole);
    }
    const auto magnitude = number < 0 ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
    std::array<char, 32> buffer;
    const int base = c.type == 'o' ? 8 : c.type == 'x' || c.type == 'X' ? 16 : 10;
    std::string digits(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base).ptr);
    if (c.precision > static_cast<std::int64_t>(digits.size())) {
      digits.insert(0, static_cast<std::size_t>(c.precision) - digits.size(), '0');
    }
    if (c.type == 'X')
      std::transform(digits.begin(), digits.end(), digits.begin(),
                     [](char d) { return d >= 'a' ? static_cast<char>(d - 32) : d; });
    std::string prefix = sign_of(c, number < 0);
    if (c.alternate && base != 10) prefix += std::string("0") + c.type;
    pad(c, prefix, digits, digits.size(), c.zero);
  }

  void put_real(const Conversion& c, const Value& value) {
    if (!value.is_number()) throw Failure("must be real number, not " + type_name(value));
    const double number = value.real();
    const std::string pattern = std::string("%") + (c.alternate ? "#" : "") + ".*" + c.type;
    std::array<char, 2 * kMaxDigits> buffer;
    const int size = std::snprintf(buffer.data(), buffer.size(), pattern.c_str(),
                                   static_cast<int>(c.precision < 0 ? 6 : c.precision), std::fabs(number));
    const std::string digits(buffer.data(), static_cast<std::size_t>(size));
    pad(c, sign_of(c, std::signbit(number) && !std::isnan(number)), digits, digits.size(), c.zero);
  }

  static std::string sign_of(const Conversion& c, bool negative) {
    return negative ? "-" : c.sign ? "+" : c.space ? " " : "";
  }

  void pad(const Conversion& c, const std::string& prefix, std::string_view body, std::size_t length, bool zeros) {
    const std::size_t used = prefix.size() + length;
    const std::size_t width = static_cast<std::size_t>(c.width);
    const std::string fill(width > used ? width - used : 0, zeros && !c.left ? '0' : ' ');
    if (!c.left && !zeros) out_.append(fill);
    out_.append(prefix);
    if (!c.left && zeros) out_.append(fill);
    out_.append(body);
    if (c.left) out_.append(fill);
  }

  Budget& budget_;
  std::string_view format_;
  const Value& arguments_;
  Builder out_;
  std::size_t at_ = 0, used_ = 0;
};

}  // namespace

Value percent_format(Budget& budget, const Text& format, const Value& arguments) {
  return Formatter(budget, format, arguments).run();
}

}  // namespace assay::tokenizer::jinja
