// Python's operators on values: truth, comparison, arithmetic, containment, subscripts, iteration.
// All throw Failure with Python's words where Python raises; integers are 64 bits, and passing them is a Failure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "tokenizer/jinja/value.h"

namespace assay::tokenizer::jinja {

bool truth(const Value& value);
bool equals(Budget& budget, const Value& a, const Value& b);
bool less(Budget& budget, const Value& a, const Value& b);
/// Comparison by its sign in the template: == != < <= > >=
bool compare(Budget& budget, std::string_view sign, const Value& a, const Value& b);
std::size_t hash(Budget& budget, const Value& value);

/// + - * / // % **
Value arithmetic(Budget& budget, std::string_view sign, const Value& a, const Value& b);
Value negate(const Value& value);
Value plus(const Value& value);

/// needle in haystack
bool contains(Budget& budget, const Value& haystack, const Value& needle);

/// len(value)
std::size_t length(const Value& value);

/// The elements of anything that can be iterated over, as a list or tuple; nullopt if it cannot.
std::optional<Value> try_iterate(Budget& budget, const Value& value);
/// The same; throws for what cannot be iterated over.
Value iterate(Budget& budget, const Value& value);

/// value[key]: undefined where there is none; a string key finds methods too.
Value get_item(Budget& budget, const Value& value, const Value& key);
/// value.name: methods first, then keys, as the sandbox of Jinja does.
Value get_attribute(Budget& budget, const Value& value, std::string_view name);
/// value[start:stop:step]; each part None or an integer.
Value slice(Budget& budget, const Value& value, const Value& start, const Value& stop, const Value& step);

/// The places of a slice within a length, as Python clips them.
struct Span {
  std::int64_t start, step;
  std::size_t count;
};
Span clip_slice(std::size_t length, const Value& start, const Value& stop, const Value& step);

/// Code points from `first` on, `count` of them.
std::string_view substring(const Text& text, std::size_t first, std::size_t count);

}  // namespace assay::tokenizer::jinja
