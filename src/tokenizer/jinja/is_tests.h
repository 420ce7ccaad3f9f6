// The tests behind `is`: defined, string, mapping, divisibleby, ...
#pragma once

#include <string_view>

#include "tokenizer/jinja/operations.h"

namespace assay::tokenizer::jinja {

/// The test of that name, or nullptr.
const Operation* find_test(std::string_view name);

}  // namespace assay::tokenizer::jinja
