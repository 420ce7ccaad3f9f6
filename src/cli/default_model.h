// The model inside the program: kingjames-7m, so that every command works with nothing else on the machine.
#pragma once

#include <string_view>

#include "gguf/file.h"

namespace assay::cli {

inline constexpr std::string_view kDefaultModelName = "kingjames";

gguf::File open_default_model();

}  // namespace assay::cli
