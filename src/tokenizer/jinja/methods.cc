#include "tokenizer/jinja/methods.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "tokenizer/jinja/objects.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/text_methods.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::tokenizer::jinja {
namespace {

using P = const Parameters&;

template <std::string (*kConvert)(std::string_view)>
Value convert(Runtime& runtime, const Value& self, P) {
  runtime.budget.step(self.bytes().size() / 8);
  runtime.budget.check(4 * self.bytes().size());
  return string(&runtime.budget, kConvert(self.bytes()), self.text().markup);
}

template <int kSides>
Value strip_method(Runtime& runtime, const Value& self, P parameters) {
  return string(&runtime.budget, std::string(strip(runtime.budget, self.bytes(), parameters[0], kSides)),
                self.text().markup);
}

Value test_text(Runtime& runtime, const Value& self, const char* pattern) {
  runtime.budget.step(self.bytes().size() / 8);
  return Value(matches(pattern, self.bytes()));
}

Value join_method(Runtime& runtime, const Value& self, P parameters) {
  const Value items = iterate(runtime.budget, parameters[0]);
  for (std::size_t i = 0; i < items.items().size(); ++i) {
    if (!items.items()[i].is_string()) {
      throw Failure("sequence item " + std::to_string(i) + ": expected str instance, " + type_name(items.items()[i]) +
                    " found");
    }
  }
  return join_text(runtime.budget, self.bytes(), items.items());
}

Value replace_method(Runtime& runtime, const Value& self, P parameters) {
  for (std::size_t i = 0; i < 2; ++i) {
    if (!parameters[i].is_string()) {
      throw Failure("replace() argument " + std::to_string(i + 1) + " must be str, not " + type_name(parameters[i]));
    }
  }
  return replace_text(runtime.budget, self.bytes(), parameters[0].bytes(), parameters[1].bytes(),
                      parameters.integer(2, -1));
}

Value remove_affix(Runtime& runtime, const Value& self, P parameters, bool at_end) {
  std::string_view text = self.bytes();
  const std::string_view affix = parameters.text(0, "");
  const std::size_t from = at_end ? text.size() - std::min(affix.size(), text.size()) : 0;
  if (text.substr(from, affix.size()) != affix || affix.size() > text.size()) return self;
  text = at_end ? text.substr(0, from) : text.substr(affix.size());
  return string(&runtime.budget, std::string(text));
}

// str.format with plain fields: {}, {0}, {name}, each with an optional !s or !r.
Value format_method(Runtime& runtime, const Value& self, P parameters) {
  Builder out(runtime.budget);
  std::size_t automatic = 0;
  const std::string_view text = self.bytes();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '{' && text[at] != '}') {
      out.append(text[at]);
      continue;
    }
    if (at + 1 < text.size() && text[at + 1] == text[at]) {
      out.append(text[at++]);
      continue;
    }
    const std::size_t end = text.find('}', at);
    if (text[at] == '}' || end == std::string_view::npos) throw Failure("Single brace encountered in format string");
    std::string_view field = text.substr(at + 1, end - at - 1);
    at = end;
    const bool quoted = field.size() >= 2 && field.substr(field.size() - 2) == "!r";
    if (quoted || (field.size() >= 2 && field.substr(field.size() - 2) == "!s")) field.remove_suffix(2);
    if (field.find_first_of(":.[!{") != std::string_view::npos) {
      throw Failure("str.format with the field '" + printable(field, 40) + "'", ErrorKind::unsupported);
    }
    const Value* value = nullptr;
    const bool number =
        !field.empty() && field.size() < 10 && field.find_first_not_of("0123456789") == std::string_view::npos;
    if (field.empty() || number) {
      const std::size_t index = number ? std::stoul(std::string(field)) : automatic++;
      if (index < parameters.rest().size()) value = &parameters.rest()[index];
    } else {
      for (const auto& [name, argument] : parameters.keyword()) value = name == field ? &argument : value;
    }
    if (value == nullptr) throw Failure("no argument for the format field '" + printable(field, 40) + "'");
    if (quoted) {
      print_repr(runtime.budget, *value, out);
    } else {
      print(runtime.budget, *value, out);
    }
  }
  return out.finish();
}

Value unsupported_method(Runtime&, const Value& self, P) {
  throw Failure("a method of '" + type_name(self) + "' that templates have no use for", ErrorKind::unsupported);
}

constexpr std::array kTextMethods = {
    Operation{"upper", convert<to_upper>, ""},
    Operation{"lower", convert<to_lower>, ""},
    Operation{"title", convert<title>, ""},
    Operation{"capitalize", convert<capitalize>, ""},
    Operation{"swapcase", convert<swap_case>, ""},
    Operation{"strip", strip_method<kBoth>, "chars?"},
    Operation{"lstrip", strip_method<kLeft>, "chars?"},
    Operation{"rstrip", strip_method<kRight>, "chars?"},
    Operation{"splitlines",
              [](Runtime& runtime, const Value& self, P p) {
                return split_lines(runtime.budget, self.bytes(), p.truth(0, false));
              },
              "keepends?"},
    Operation{"join", join_method, "iterable"},
    Operation{"replace", replace_method, "old new count?"},
    Operation{"removeprefix",
              [](Runtime& runtime, const Value& self, P p) { return remove_affix(runtime, self, p, false); }, "prefix"},
    Operation{"removesuffix",
              [](Runtime& runtime, const Value& self, P p) { return remove_affix(runtime, self, p, true); }, "suffix"},
    Operation{"format", format_method, "*"},
    Operation{"isalpha",
              [](Runtime& runtime, const Value& self, P) { return test_text(runtime, self, "^\\p{L}++\\z"); }, ""},
    Operation{"isalnum",
              [](Runtime& runtime, const Value& self, P) { return test_text(runtime, self, "^[\\p{L}\\p{N}]++\\z"); },
              ""},
    Operation{"isdigit",
              [](Runtime& runtime, const Value& self, P) {
                return test_text(runtime, self, "^[\\p{Nd}\u00B2\u00B3\u00B9\u2070\u2074-\u2079\u2080-\u2089]++\\z");
              },
              ""},
    Operation{"isdecimal",
              [](Runtime& runtime, const Value& self, P) { return test_text(runtime, self, "^\\p{Nd}++\\z"); }, ""},
    Operation{"isnumeric",
              [](Runtime& runtime, const Value& self, P) { return test_text(runtime, self, "^\\p{N}++\\z"); }, ""},
    Operation{
        "isspace",
        [](Runtime&, const Value& self, P) { return Value(!self.bytes().empty() && strip_left(self.bytes()).empty()); },
        ""},
    Operation{"islower", [](Runtime& runtime, const Value& self, P) { return test_text(runtime, self, kLowerPattern); },
              ""},
    Operation{"isupper", [](Runtime& runtime, const Value& self, P) { return test_text(runtime, self, kUpperPattern); },
              ""},
    Operation{"isascii", [](Runtime&, const Value& self, P) { return Value(self.text().ascii()); }, ""},
    Operation{"casefold", unsupported_method, ""},
    Operation{"encode", unsupported_method, "*"},
    Operation{"expandtabs", unsupported_method, "*"},
    Operation{"format_map", unsupported_method, "*"},
    Operation{"isidentifier", unsupported_method, "*"},
    Operation{"isprintable", unsupported_method, "*"},
    Operation{"istitle", unsupported_method, "*"},
    Operation{"maketrans", unsupported_method, "*"},
    Operation{"translate", unsupported_method, "*"},
};

Value count_item(Runtime& runtime, const Value& self, P parameters) {
  return Value(
      static_cast<std::int64_t>(std::count_if(self.items().begin(), self.items().end(), [&](const Value& item) {
        return equals(runtime.budget, item, parameters[0]);
      })));
}

Value index_of_item(Runtime& runtime, const Value& self, P parameters) {
  const Span span = clip_slice(self.items().size(), parameters[1], parameters[2], {});
  for (std::size_t i = 0; i < span.count; ++i) {
    const std::size_t at = static_cast<std::size_t>(span.start) + i;
    if (equals(runtime.budget, self.items()[at], parameters[0])) return Value(static_cast<std::int64_t>(at));
  }
  throw Failure("the item is not in the " + type_name(self));
}

Value same(Runtime&, const Value& self, P) { return self; }

constexpr std::array kSequenceMethods = {
    Operation{"count", count_item, "value"},
    Operation{"index", index_of_item, "value start? stop?"},
    Operation{"copy", same, ""},
};

template <DictView::Part kPart>
Value view(Runtime& runtime, const Value& self, P) {
  return Value(std::make_shared<DictView>(runtime.budget, self, kPart));
}

constexpr std::array kDictMethods = {
    Operation{"get",
              [](Runtime& runtime, const Value& self, P parameters) {
                const Value* found = self.dict().find(runtime.budget, parameters[0]);
                return found != nullptr ? *found : parameters[1];
              },
              "key default?"},
    Operation{"keys", view<DictView::Part::keys>, ""},
    Operation{"values", view<DictView::Part::values>, ""},
    Operation{"items", view<DictView::Part::items>, ""},
    Operation{"copy", same, ""},
    Operation{"fromkeys", unsupported_method, "*"},
};

}  // namespace

const Operation* find_method(Kind kind, std::string_view name) {
  switch (kind) {
    case Kind::string: {
      const Operation* method = find_operation(kTextMethods, name);
      return method != nullptr ? method : find_search_method(name);
    }
    case Kind::list:
      return find_operation(kSequenceMethods, name);
    case Kind::tuple:
      return name == "copy" ? nullptr : find_operation(kSequenceMethods, name);
    case Kind::dict:
      return find_operation(kDictMethods, name);
    default:
      return nullptr;
  }
}

bool changes_value(Kind kind, std::string_view name) {
  static constexpr std::array<std::string_view, 8> kList = {"append", "clear",  "extend",  "insert",
                                                            "pop",    "remove", "reverse", "sort"};
  static constexpr std::array<std::string_view, 5> kDict = {"clear", "pop", "popitem", "setdefault", "update"};
  if (kind == Kind::list) return std::find(kList.begin(), kList.end(), name) != kList.end();
  return kind == Kind::dict && std::find(kDict.begin(), kDict.end(), name) != kDict.end();
}

}  // namespace assay::tokenizer::jinja
