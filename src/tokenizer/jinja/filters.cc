#include "tokenizer/jinja/filters.h"

#include <algorithm>
#include <charconv>

#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::tokenizer::jinja {

const Operation* find_filter(std::string_view name) {
  for (const auto* table : {&text_filters(), &sequence_filters(), &number_filters()}) {
    if (const Operation* filter = find_operation(*table, name)) return filter;
  }
  return nullptr;
}

Value attribute_path(Budget& budget, Value value, const Value& path, const Value& fallback) {
  const auto step = [&](const Value& key) {
    value = get_item(budget, value, key);
    if (value.is_undefined() && !fallback.is_none()) value = fallback;
  };
  if (path.is_none()) return value;
  if (!path.is_string()) {
    step(path);
    return value;
  }
  for (std::string_view rest = path.bytes();;) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, dot);
    std::int64_t index = 0;
    const auto [end, status] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool number = status == std::errc() && end == part.data() + part.size() && part[0] != '-';
    step(number ? Value(index) : string(&budget, std::string(part)));
    if (dot == rest.size()) return value;
    rest.remove_prefix(dot + 1);
  }
}

Value ignore_case(Budget& budget, const Value& value) {
  if (!value.is_string()) return value;
  budget.step(value.bytes().size() / 8);
  return string(&budget, to_lower(value.bytes()));
}

}  // namespace assay::tokenizer::jinja
