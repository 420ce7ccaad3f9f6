// Escapes in string literals: \n \t \\ \' \" \a \b \f \v \r, octal, \xhh, \uhhhh, \Uhhhhhhhh; others stay as written.
#pragma once

#include <string>
#include <string_view>

namespace assay::tokenizer::jinja {

/// The text that a literal's inside stands for; sets `error` where an escape is broken.
std::string unescape(std::string_view literal, std::string& error);

}  // namespace assay::tokenizer::jinja
