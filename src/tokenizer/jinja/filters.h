// The filters of Jinja that templates of conversations use. Three files hold them: for text, for sequences, for
// numbers.
#pragma once

#include <string_view>
#include <vector>

#include "tokenizer/jinja/operations.h"

namespace assay::tokenizer::jinja {

/// The filter of that name, or nullptr.
const Operation* find_filter(std::string_view name);

const std::vector<Operation>& text_filters();
const std::vector<Operation>& sequence_filters();
const std::vector<Operation>& number_filters();

/// value.a.0.b for the path "a.0.b", value[3] for 3, the value itself for None. A `fallback` other than None stands in
/// for every undefined step of the way.
Value attribute_path(Budget& budget, Value value, const Value& path, const Value& fallback = {});

/// Strings in lower case, other values as they are: how sort and its like compare unless told otherwise.
Value ignore_case(Budget& budget, const Value& value);

}  // namespace assay::tokenizer::jinja
