// Values as text: Python's str, repr and float formatting, JSON as json.dumps writes it, and the two formatting
// languages of str ("%s" and "{}").
#pragma once

#include <string>
#include <string_view>

#include "tokenizer/jinja/value.h"

namespace assay::tokenizer::jinja {

/// str(value), appended.
void print(Budget& budget, const Value& value, Builder& out);
/// repr(value), appended.
void print_repr(Budget& budget, const Value& value, Builder& out);

/// str(value) as a string value; strings stay what they are.
Value to_string(Budget& budget, const Value& value);

/// Short text for error messages: repr, cut to one short line.
std::string describe(Budget& budget, const Value& value);

/// Shortest text that reads back as the same number: "1.0", "1e+16", "nan".
std::string float_repr(double value);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool multiline = false;
  std::string indent;  ///< one level's, when multiline
  std::string item_separator = ", ", key_separator = ": ";
};
/// json.dumps(value), appended. Throws Failure for what JSON cannot hold.
void print_json(Budget& budget, const Value& value, const JsonStyle& style, Builder& out);

/// format % arguments: a tuple, a dict, or one value.
Value percent_format(Budget& budget, const Text& format, const Value& arguments);

/// Characters & < > " ' as HTML entities; a string that is markup already stays.
Value escape_html(Budget& budget, const Value& value);

}  // namespace assay::tokenizer::jinja
