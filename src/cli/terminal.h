// What goes to the terminal: results on standard output, everything else on standard error. Colour only where a person
// looks and NO_COLOR is unset.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "report/style.h"

namespace assay::cli {

bool is_terminal(std::FILE* stream);

using report::Style;
const Style& style_of(std::FILE* stream);

/// Characters of a line of text there: the terminal's, within what can be read, or 100.
std::size_t columns_of(std::FILE* stream);

/// One line on standard output. Ill-formed UTF-8 in strings becomes U+FFFD.
void print_json(const nlohmann::ordered_json& value);

/// Text to standard output. Throws Error{io} when it cannot be written.
void print_text(std::string_view text);

/// Flushes standard output and throws Error{io} when it could not be written (a full disk).
void flush_output();

/// A remark on standard error: "note: ...".
void print_note(std::string_view text);

}  // namespace assay::cli
