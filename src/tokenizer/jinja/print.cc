#include "tokenizer/jinja/print.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::tokenizer::jinja {
namespace {

void print_string_repr(const Text& text, Builder& out) {
  const bool has_single = text.bytes.find('\'') != std::string::npos;
  const char quote = has_single && text.bytes.find('"') == std::string::npos ? '"' : '\'';
  out.append(quote);
  for (std::size_t at = 0; at < text.bytes.size();) {
    const CodePoint c = decode_utf8(text.bytes, at);
    const std::string_view character = std::string_view(text.bytes).substr(at, c.size_bytes);
    at += c.size_bytes;
    if (c.value == static_cast<char32_t>(quote) || c.value == '\\') {
      out.append('\\');
      out.append(character);
    } else if (c.value == '\n') {
      out.append("\\n");
    } else if (c.value == '\r') {
      out.append("\\r");
    } else if (c.value == '\t') {
      out.append("\\t");
    } else if (is_printable(c.value)) {
      out.append(character);
    } else {
      const auto number = static_cast<std::uint32_t>(c.value);
      out.append(number < 0x100     ? fmt::format("\\x{:02x}", number)
                 : number < 0x10000 ? fmt::format("\\u{:04x}", number)
                                    : fmt::format("\\U{:08x}", number));
    }
  }
  out.append(quote);
}

void print_items(Budget& budget, const std::vector<Value>& items, Builder& out) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.append(", ");
    print_repr(budget, items[i], out);
  }
}

}  // namespace

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto scientific = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  const std::string text(buffer, scientific.ptr);
  const std::size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return text;
  // In fixed notation the shortest digits may not be the ones that were found, so they are placed by hand.
  const bool negative = text[0] == '-';
  std::string digits = text.substr(negative ? 1 : 0, e - (negative ? 1 : 0));
  if (digits.size() > 1) digits.erase(1, 1);
  if (exponent < 0) {
    digits.insert(0, static_cast<std::size_t>(-exponent), '0');
    digits.insert(1, ".");
  } else {
    const auto point = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() < point) digits.append(point - digits.size(), '0');
    digits.insert(point, ".");
    if (digits.back() == '.') digits.push_back('0');
  }
  return (negative ? "-" : "") + digits;
}

void print(Budget& budget, const Value& value, Builder& out) {
  if (value.is_string()) {
    out.append(value.bytes());
  } else if (!value.is_undefined()) {
    print_repr(budget, value, out);
  }
}

void print_repr(Budget& budget, const Value& value, Builder& out) {
  budget.step();
  const auto level = budget.nest();
  switch (value.kind()) {
    case Kind::undefined:
      out.append("Undefined");
      break;
    case Kind::none:
      out.append("None");
      break;
    case Kind::boolean:
      out.append(value.boolean() ? "True" : "False");
      break;
    case Kind::integer:
      out.append(std::to_string(value.integer()));
      break;
    case Kind::real:
      out.append(float_repr(value.real()));
      break;
    case Kind::string:
      if (value.text().markup) out.append("Markup(");
      print_string_repr(value.text(), out);
      if (value.text().markup) out.append(')');
      break;
    case Kind::list:
      out.append('[');
      print_items(budget, value.items(), out);
      out.append(']');
      break;
    case Kind::tuple:
      out.append('(');
      print_items(budget, value.items(), out);
      out.append(value.items().size() == 1 ? ",)" : ")");
      break;
    case Kind::dict: {
      out.append('{');
      bool first = true;
      for (const auto& [key, item] : value.dict().items()) {
        if (!first) out.append(", ");
        first = false;
        print_repr(budget, key, out);
        out.append(": ");
        print_repr(budget, item, out);
      }
      out.append('}');
      break;
    }
    case Kind::object:
      value.object().print(budget, out);
      break;
  }
}

Value to_string(Budget& budget, const Value& value) {
  if (value.is_string()) return value;
  Builder out(budget);
  print(budget, value, out);
  return out.finish();
}

std::string describe(Budget& budget, const Value& value) {
  Builder out(budget);
  if (value.is_string() && value.text().bytes.size() > 200) {
    return "'" + printable(value.bytes(), 80) + "'";
  }
  print_repr(budget, value, out);
  return printable(out.view(), 80);
}

Value escape_html(Budget& budget, const Value& value) {
  if (value.is_string() && value.text().markup) return value;
  const Value text = to_string(budget, value);
  Builder out(budget);
  for (const char c : text.bytes()) {
    switch (c) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '>':
        out.append("&gt;");
        break;
      case '"':
        out.append("&#34;");
        break;
      case '\'':
        out.append("&#39;");
        break;
      default:
        out.append(c);
    }
  }
  return string(&budget, out.take(), true);
}

}  // namespace assay::tokenizer::jinja
