// Filters that make text.
#include <algorithm>

#include "base/text.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/text_methods.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::tokenizer::jinja {
namespace {

using P = const Parameters&;

template <std::string (*kConvert)(std::string_view)>
Value convert(Runtime& runtime, const Value& subject, P) {
  const Value text = to_string(runtime.budget, subject);
  runtime.budget.step(text.bytes().size() / 8);
  runtime.budget.check(4 * text.bytes().size());
  return string(&runtime.budget, kConvert(text.bytes()), text.text().markup);
}

// The filter's words begin behind white space, hyphens and opening brackets; those of str.title at every letter.
std::string title_words(std::string_view text) {
  std::string result;
  std::size_t word = 0;
  const auto flush = [&](std::size_t end) {
    if (end == word) return;
    const std::size_t first = decode_utf8(text, word).size_bytes;
    result += to_upper(text.substr(word, first)) + to_lower(text.substr(word + first, end - word - first));
  };
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const bool begins =
        is_space(c.value) || (c.value < 0x80 && std::string_view("-({[<").find(text[at]) != std::string_view::npos);
    if (begins) {
      flush(at);
      result += text.substr(at, c.size_bytes);
      word = at + c.size_bytes;
    }
    at += c.size_bytes;
  }
  flush(text.size());
  return result;
}

Value to_json(Runtime& runtime, const Value& subject, P parameters) {
  JsonStyle style;
  style.ensure_ascii = parameters.truth(0, false);
  const Value& indent = parameters[1];
  if (!indent.is_none()) {
    style.multiline = true;
    style.item_separator = ",";
    if (indent.is_string()) {
      style.indent = indent.bytes();
    } else {
      const std::int64_t width = std::max<std::int64_t>(0, parameters.integer(1, 0));
      if (width > 1000) throw Failure("tojson() indents by at most 1000");
      style.indent.assign(static_cast<std::size_t>(width), ' ');
    }
  }
  if (parameters[2].is_sequence() && parameters[2].items().size() == 2) {
    for (const Value& separator : parameters[2].items()) {
      if (!separator.is_string()) throw Failure("tojson() wants strings as separators");
    }
    style.item_separator = parameters[2].items()[0].bytes();
    style.key_separator = parameters[2].items()[1].bytes();
  } else if (!parameters[2].is_none()) {
    throw Failure("tojson() wants a pair of separators");
  }
  style.sort_keys = parameters.truth(3, false);
  Builder out(runtime.budget);
  print_json(runtime.budget, subject, style, out);
  return out.finish();
}

Value trim(Runtime& runtime, const Value& subject, P parameters) {
  const Value text = to_string(runtime.budget, subject);
  return string(&runtime.budget, std::string(strip(runtime.budget, text.bytes(), parameters[0], kBoth)),
                text.text().markup);
}

Value replace(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  const Value text = to_string(budget, subject), from = to_string(budget, parameters[0]),
              to = to_string(budget, parameters[1]);
  return replace_text(budget, text.bytes(), from.bytes(), to.bytes(), parameters.integer(2, -1));
}

Value indent(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  std::string prefix;
  if (parameters[0].is_string()) {
    prefix = parameters[0].bytes();
  } else {
    const std::int64_t width = std::max<std::int64_t>(0, parameters.integer(0, 4));
    if (width > 10000) throw Failure("indent() indents by at most 10000");
    prefix.assign(static_cast<std::size_t>(width), ' ');
  }
  const bool first = parameters.truth(1, false), blank = parameters.truth(2, false);
  const Value text = arithmetic(budget, "+", subject, string(&budget, "\n"));
  const Value lines = split_lines(budget, text.bytes());
  Builder out(budget);
  for (std::size_t i = 0; i < lines.items().size(); ++i) {
    const std::string_view line = lines.items()[i].bytes();
    if (i > 0) out.append('\n');
    if (i == 0 ? first : blank || !line.empty()) out.append(prefix);
    out.append(line);
  }
  return string(&budget, out.take(), subject.text().markup);
}

Value join(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  const Value items = iterate(budget, subject);
  const Value separator = parameters.has(0) ? to_string(budget, parameters[0]) : string(&budget, "");
  if (parameters[1].is_none()) return join_text(budget, separator.bytes(), items.items());
  ListBuilder attributes(budget);
  for (const Value& item : items.items()) attributes.add(attribute_path(budget, item, parameters[1]));
  return join_text(budget, separator.bytes(), attributes.items());
}

Value format(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  const Value text = to_string(budget, subject);
  if (parameters.keyword().empty()) return percent_format(budget, text.text(), tuple(budget, parameters.rest()));
  if (!parameters.rest().empty()) {
    throw Failure("can't handle positional and keyword arguments at the same time");
  }
  auto named = std::make_shared<Dict>(&budget);
  for (const auto& [name, value] : parameters.keyword()) named->set(budget, string(&budget, name), value);
  return percent_format(budget, text.text(), {Kind::dict, std::move(named)});
}

Value truncate(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  const std::int64_t most = parameters.integer(0, 255), leeway = parameters.integer(3, 5);
  const Value end = parameters.has(2) ? to_string(budget, parameters[2]) : string(&budget, "...");
  const auto end_length = static_cast<std::int64_t>(end.text().length);
  if (most < end_length) throw Failure("expected length >= " + std::to_string(end_length));
  if (leeway < 0) throw Failure("expected leeway >= 0");
  const auto size = static_cast<std::int64_t>(length(subject));
  if (size <= most || size - most <= leeway) return subject;
  if (!subject.is_string()) throw Failure("truncate() wants a str, not " + type_name(subject));
  std::string_view kept = substring(subject.text(), 0, static_cast<std::size_t>(most - end_length));
  if (!parameters.truth(1, false)) kept = kept.substr(0, std::min(kept.rfind(' '), kept.size()));
  Builder out(budget);
  out.append(kept);
  out.append(end.bytes());
  return out.finish();
}

Value center(Runtime& runtime, const Value& subject, P parameters) {
  const Value text = to_string(runtime.budget, subject);
  return justify_text(runtime.budget, text.text(), parameters.integer(0, 80), " ", kBoth);
}

Value count_words(Runtime& runtime, const Value& subject, P) {
  const Value text = to_string(runtime.budget, subject);
  runtime.budget.step(text.bytes().size());
  return Value(static_cast<std::int64_t>(count_matches("[\\p{L}\\p{N}_]++", text.bytes())));
}

Value mark_safe(Runtime& runtime, const Value& subject, P) {
  const Value text = to_string(runtime.budget, subject);
  return string(&runtime.budget, std::string(text.bytes()), true);
}

Value escape(Runtime& runtime, const Value& subject, P) { return escape_html(runtime.budget, subject); }

Value force_escape(Runtime& runtime, const Value& subject, P) {
  const Value text = to_string(runtime.budget, subject);
  return escape_html(runtime.budget, string(&runtime.budget, std::string(text.bytes())));
}

}  // namespace

const std::vector<Operation>& text_filters() {
  static const std::vector<Operation> table = {
      {"capitalize", convert<capitalize>, ""},
      {"center", center, "width?"},
      {"e", escape, ""},
      {"escape", escape, ""},
      {"forceescape", force_escape, ""},
      {"format", format, "*"},
      {"indent", indent, "width? first? blank?"},
      {"join", join, "d? attribute?"},
      {"lower", convert<to_lower>, ""},
      {"replace", replace, "old new count?"},
      {"safe", mark_safe, ""},
      {"string", [](Runtime& runtime, const Value& subject, P) { return to_string(runtime.budget, subject); }, ""},
      {"title", convert<title_words>, ""},
      {"tojson", to_json, "ensure_ascii? indent? separators? sort_keys?"},
      {"trim", trim, "chars?"},
      {"truncate", truncate, "length? killwords? end? leeway?"},
      {"upper", convert<to_upper>, ""},
      {"wordcount", count_words, ""},
  };
  return table;
}

}  // namespace assay::tokenizer::jinja
