// UTF-8 and text for people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

/// The code point that starts at text[at] and its length in bytes. An ill-formed byte (Unicode 15, table 3-7) gives
/// {kInvalidCodePoint, 1}.
inline constexpr char32_t kInvalidCodePoint = 0xFFFFFFFF;
struct CodePoint {
  char32_t value;
  std::size_t size_bytes;
};
CodePoint decode_utf8(std::string_view text, std::size_t at);

/// Appends the UTF-8 form of a code point.
void append_utf8(char32_t code_point, std::string& text);

/// Offset of the first ill-formed byte, or std::string_view::npos.
std::size_t find_invalid_utf8(std::string_view text);

/// Length of the longest prefix that does not end inside a character which more bytes could still complete.
std::size_t complete_utf8_prefix(std::string_view text);

/// The text with every ill-formed byte replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

/// One printable line: control characters and ill-formed bytes as escapes, cut to `max_characters` with an ellipsis.
std::string printable(std::string_view text, std::size_t max_characters = 120);

/// Without white space at both ends.
std::string_view trim(std::string_view text);

/// "14.1 MB", "636.7 MB": decimal units, four significant digits at most.
std::string human_bytes(std::uint64_t size_bytes);

}  // namespace assay
