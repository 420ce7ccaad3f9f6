#include "tokenizer/jinja/unescape.h"

#include <charconv>
#include <cstdint>

#include "base/text.h"

namespace assay::tokenizer::jinja {

std::string unescape(std::string_view literal, std::string& error) {
  static constexpr std::string_view kLetters = "\\'\"abfnrtv";
  static constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
  std::string result;
  for (std::size_t at = 0; at < literal.size(); ++at) {
    if (literal[at] != '\\' || at + 1 == literal.size()) {
      result.push_back(literal[at]);
      continue;
    }
    const char letter = literal[++at];
    if (letter == '\n') continue;  // the line goes on
    if (const std::size_t known = kLetters.find(letter); known != std::string_view::npos) {
      result.push_back(kMeanings[known]);
      continue;
    }
    const bool octal = letter >= '0' && letter <= '7';
    const std::size_t wanted = octal ? 3 : letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    if (letter == 'N') error = "\\N{...} names of characters are unknown";
    if (wanted == 0) {
      result.push_back('\\');
      result.push_back(letter);
      continue;
    }
    const std::string_view digits = literal.substr(at + (octal ? 0 : 1), wanted);
    std::uint32_t code_point = 0;
    const auto [end, status] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code_point, octal ? 8 : 16);
    const auto used = static_cast<std::size_t>(end - digits.data());
    if (status != std::errc() || (!octal && used != wanted)) {
      error = std::string("the escape \\") + letter + " wants " + std::to_string(wanted) + " hexadecimal digits";
      return result;
    }
    if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) {
      error = std::string("the escape \\") + letter + " is not a character";
      return result;
    }
    append_utf8(code_point, result);
    at += octal ? used - 1 : wanted;
  }
  return result;
}

}  // namespace assay::tokenizer::jinja
