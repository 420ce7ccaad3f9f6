// JSON as Python's json.dumps writes it.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"

namespace assay::tokenizer::jinja {
namespace {

class Writer {
 public:
  Writer(Budget& budget, const JsonStyle& style, Builder& out) : budget_(budget), style_(style), out_(out) {}

  void write(const Value& value, std::size_t level) {
    budget_.step();
    switch (value.kind()) {
      case Kind::none:
        return out_.append("null");
      case Kind::boolean:
        return out_.append(value.boolean() ? "true" : "false");
      case Kind::integer:
        return out_.append(std::to_string(value.integer()));
      case Kind::real:
        return out_.append(number(value.real()));
      case Kind::string:
        return write_string(value.bytes());
      case Kind::list:
      case Kind::tuple:
        return write_list(value.items(), level);
      case Kind::dict:
        return write_dict(value.dict(), level);
      case Kind::undefined:
      case Kind::object:
        throw Failure("Object of type " + type_name(value) + " is not JSON serializable");
    }
  }

 private:
  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
    return float_repr(value);
  }

  void write_string(std::string_view text) {
    out_.append('"');
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      write_character(static_cast<std::uint32_t>(c.value), text.substr(at, c.size_bytes));
      at += c.size_bytes;
    }
    out_.append('"');
  }

  void write_character(std::uint32_t c, std::string_view bytes) {
    static constexpr std::string_view kEscaped = "\"\\\n\r\t\b\f";
    static constexpr std::string_view kLetters = "\"\\nrtbf";
    const std::size_t known = bytes.size() == 1 ? kEscaped.find(bytes[0]) : std::string_view::npos;
    if (known != std::string_view::npos) {
      out_.append('\\');
      out_.append(kLetters[known]);
    } else if (c >= 0x20 && (!style_.ensure_ascii || c < 0x7F)) {
      out_.append(bytes);
    } else if (c < 0x10000) {
      out_.append(fmt::format("\\u{:04x}", c));
    } else {
      out_.append(fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + ((c - 0x10000) & 0x3FF)));
    }
  }

  void new_line(std::size_t level) {
    if (!style_.multiline) return;
    out_.append('\n');
    for (std::size_t i = 0; i < level; ++i) out_.append(style_.indent);
  }

  void write_list(const std::vector<Value>& items, std::size_t level) {
    if (items.empty()) return out_.append("[]");
    out_.append('[');
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.append(style_.item_separator);
      new_line(level + 1);
      write(items[i], level + 1);
    }
    new_line(level);
    out_.append(']');
  }

  void write_key(const Value& key) {
    switch (key.kind()) {
      case Kind::string:
        return write_string(key.bytes());
      case Kind::none:
        return out_.append("\"null\"");
      case Kind::boolean:
        return out_.append(key.boolean() ? "\"true\"" : "\"false\"");
      case Kind::integer:
        return write_string(std::to_string(key.integer()));
      case Kind::real:
        return write_string(number(key.real()));
      default:
        throw Failure("keys must be str, int, float, bool or None, not " + type_name(key));
    }
  }

  void write_dict(const Dict& dict, std::size_t level) {
    if (dict.items().empty()) return out_.append("{}");
    std::vector<const Dict::Item*> items;
    for (const auto& item : dict.items()) items.push_back(&item);
    if (style_.sort_keys) {
      std::stable_sort(items.begin(), items.end(),
                       [&](const auto* a, const auto* b) { return less(budget_, a->first, b->first); });
    }
    out_.append('{');
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.append(style_.item_separator);
      new_line(level + 1);
      write_key(items[i]->first);
      out_.append(style_.key_separator);
      write(items[i]->second, level + 1);
    }
    new_line(level);
    out_.append('}');
  }

  Budget& budget_;
  const JsonStyle& style_;
  Builder& out_;
};

}  // namespace

void print_json(Budget& budget, const Value& value, const JsonStyle& style, Builder& out) {
  Writer(budget, style, out).write(value, 0);
}

}  // namespace assay::tokenizer::jinja
