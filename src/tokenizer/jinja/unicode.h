// What Python's str knows of Unicode: white space, printable characters, case. Classes and case pairs come from PCRE2's
// tables; the few characters whose upper case is longer than one character are listed here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace assay::tokenizer::jinja {

/// str.isspace
bool is_space(char32_t code_point);

/// str.strip and its halves for white space; views into `text`.
std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);

/// str.isprintable of one character; the others are escaped by repr.
bool is_printable(char32_t code_point);

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string capitalize(std::string_view text);  ///< first character upper case, the others lower case
std::string title(std::string_view text);       ///< str.title: every run of letters capitalized
std::string swap_case(std::string_view text);

/// str.islower and str.isupper, as patterns for matches().
inline constexpr const char* kLowerPattern = "^(?=.*?\\p{Ll})[^\\p{Lu}\\p{Lt}]*+\\z";
inline constexpr const char* kUpperPattern = "^(?=.*?\\p{Lu})[^\\p{Ll}\\p{Lt}]*+\\z";

/// Whether a PCRE2 pattern (UTF, Unicode properties) matches somewhere in the text. `pattern` must be a literal.
bool matches(const char* pattern, std::string_view text);
/// How often it matches, one match behind the other.
std::size_t count_matches(const char* pattern, std::string_view text);

}  // namespace assay::tokenizer::jinja
