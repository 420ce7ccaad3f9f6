// The methods of str, list, tuple and dict.
#pragma once

#include <string_view>

#include "tokenizer/jinja/operations.h"

namespace assay::tokenizer::jinja {

/// The method of that name for values of that kind, or nullptr.
const Operation* find_method(Kind kind, std::string_view name);

/// Whether a method of that name would change a list or a dictionary; the sandbox refuses those.
bool changes_value(Kind kind, std::string_view name);

}  // namespace assay::tokenizer::jinja
