// The functions every template can call: range, dict, namespace, cycler, joiner, raise_exception, strftime_now.
#pragma once

#include <string_view>

#include "tokenizer/jinja/operations.h"

namespace assay::tokenizer::jinja {

/// The function of that name, or nullptr.
const Operation* find_global(std::string_view name);

}  // namespace assay::tokenizer::jinja
