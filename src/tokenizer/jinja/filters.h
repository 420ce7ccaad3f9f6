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

/// value, or value.a.0.b for "a.0.b" and value[3] for 3; None leaves the value as it is.
Value attribute_path(Budget& budget, Value value, const Value& path);

/// Strings in lower case, other values as they are: how sort and its like compare unless told otherwise.
Value ignore_case(Budget& budget, const Value& value);

}  // namespace assay::tokenizer::jinja
