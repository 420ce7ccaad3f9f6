#include "tokenizer/jinja/unicode.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <new>

#include <pcre2.h>

#include "base/error.h"
#include "base/text.h"

namespace assay::tokenizer::jinja {
namespace {

struct Deleter {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using Code = std::unique_ptr<pcre2_code, Deleter>;
using MatchData = std::unique_ptr<pcre2_match_data, Deleter>;

PCRE2_SPTR bytes_of(std::string_view text) {
  // PCRE2 wants a pointer even for nothing.
  return reinterpret_cast<PCRE2_SPTR>(text.empty() ? "" : text.data());
}

Code compile(std::string_view pattern) {
  int error = 0;
  PCRE2_SIZE at = 0;
  Code code(
      pcre2_compile(bytes_of(pattern), pattern.size(), PCRE2_UTF | PCRE2_UCP | PCRE2_DOTALL, &error, &at, nullptr));
  if (!code) throw Error(ErrorKind::internal, "pattern " + std::string(pattern) + " does not compile");
  return code;
}

// The end of the first match from `start` on, or npos.
std::size_t match_end(const pcre2_code* code, std::string_view text, std::size_t start) {
  const MatchData data(pcre2_match_data_create_from_pattern(code, nullptr));
  if (!data) throw std::bad_alloc();
  const int rc = pcre2_match(code, bytes_of(text), text.size(), start, PCRE2_NO_UTF_CHECK, data.get(), nullptr);
  return rc < 0 ? std::string_view::npos : pcre2_get_ovector_pointer(data.get())[1];
}

std::string substitute(const pcre2_code* code, std::string_view text, std::string_view replacement) {
  std::string result(text.size() + 16, '\0');
  for (;;) {
    PCRE2_SIZE size = result.size();
    const int rc = pcre2_substitute(
        code, bytes_of(text), text.size(), 0,
        PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_EXTENDED | PCRE2_NO_UTF_CHECK | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH,
        nullptr, nullptr, bytes_of(replacement), replacement.size(), reinterpret_cast<PCRE2_UCHAR*>(result.data()),
        &size);
    if (rc >= 0) {
      result.resize(size);
      return result;
    }
    if (rc != PCRE2_ERROR_NOMEMORY || size <= result.size()) throw std::bad_alloc();
    result.resize(size);
  }
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; });
}

char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Unicode's SpecialCasing: one character whose upper case (and title case) is several.
struct Special {
  std::string_view lower, upper, title;
};
constexpr std::array kSpecial = {
    Special{"ß", "SS", "Ss"},   Special{"ŉ", "ʼN", "ʼN"}, Special{"ǰ", "J̌", "J̌"},   Special{"և", "ԵՒ", "Եւ"},
    Special{"ﬀ", "FF", "Ff"},   Special{"ﬁ", "FI", "Fi"}, Special{"ﬂ", "FL", "Fl"}, Special{"ﬃ", "FFI", "Ffi"},
    Special{"ﬄ", "FFL", "Ffl"}, Special{"ﬅ", "ST", "St"}, Special{"ﬆ", "ST", "St"}, Special{"ẖ", "H̱", "H̱"},
    Special{"ẗ", "T̈", "T̈"},     Special{"ẘ", "W̊", "W̊"},   Special{"ẙ", "Y̊", "Y̊"},
};

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Upper case of a character at the start of a word.
std::string first_upper(std::string_view character) {
  for (const Special& special : kSpecial) {
    if (character == special.lower) return std::string(special.title);
  }
  // The digraphs dž, lj, nj, dz have a title case of their own between the two others.
  const char32_t c = decode_utf8(character, 0).value;
  std::string result;
  if (c >= 0x1C4 && c <= 0x1CC) {
    append_utf8(c <= 0x1C6 ? 0x1C5 : c <= 0x1C9 ? 0x1C8 : 0x1CB, result);
  } else if (c >= 0x1F1 && c <= 0x1F3) {
    append_utf8(0x1F2, result);
  } else if (c >= 0x10D0 && c <= 0x10FF) {
    return std::string(character);  // Georgian has capitals but does not begin words with them
  } else {
    return to_upper(character);
  }
  return result;
}

}  // namespace

bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::string_view strip_left(std::string_view text) {
  while (!text.empty()) {
    const CodePoint first = decode_utf8(text, 0);
    if (!is_space(first.value)) break;
    text.remove_prefix(first.size_bytes);
  }
  return text;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    if (!is_space(decode_utf8(text, at).value)) break;
    text.remove_suffix(text.size() - at);
  }
  return text;
}

bool matches(const char* pattern, std::string_view text) {
  const Code code = compile(pattern);
  return match_end(code.get(), text, 0) != std::string_view::npos;
}

std::size_t count_matches(const char* pattern, std::string_view text) {
  const Code code = compile(pattern);
  std::size_t count = 0;
  for (std::size_t at = 0; (at = match_end(code.get(), text, at)) != std::string_view::npos;) ++count;
  return count;
}

bool is_printable(char32_t c) {
  if (c < 0x7F) return c >= 0x20;
  std::string text;
  append_utf8(c, text);
  static const Code code = compile("[\\p{C}\\p{Z}]");
  return match_end(code.get(), text, 0) == std::string_view::npos;
}

std::string to_upper(std::string_view text) {
  std::string result(text);
  if (is_ascii(text)) {
    std::transform(result.begin(), result.end(), result.begin(), ascii_upper);
    return result;
  }
  for (const Special& special : kSpecial) result = replace_all(std::move(result), special.lower, special.upper);
  static const Code code = compile(".+");
  return substitute(code.get(), result, "\\U$0");
}

std::string to_lower(std::string_view text) {
  std::string result(text);
  if (is_ascii(text)) {
    std::transform(result.begin(), result.end(), result.begin(), ascii_lower);
    return result;
  }
  // A capital sigma that ends a word has a form of its own, and I with a dot keeps its dot.
  static const Code final_sigma = compile("(?<=\\p{L})(\\p{M}*)Σ(?!\\p{M}*\\p{L})");
  result = replace_all(substitute(final_sigma.get(), result, "$1ς"), "İ", "i̇");
  static const Code code = compile(".+");
  return substitute(code.get(), result, "\\L$0");
}

std::string capitalize(std::string_view text) {
  if (text.empty()) return {};
  const std::size_t first = decode_utf8(text, 0).size_bytes;
  return first_upper(text.substr(0, first)) + to_lower(text.substr(first));
}

std::string title(std::string_view text) {
  std::string result;
  std::size_t word = 0;
  const auto flush = [&](std::size_t end) { result += capitalize(text.substr(word, end - word)); };
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const std::string_view character = text.substr(at, c.size_bytes);
    const bool cased = c.value < 0x80 ? ascii_upper(character[0]) != ascii_lower(character[0])
                                      : to_upper(character) != to_lower(character);
    at += c.size_bytes;
    if (!cased) {
      flush(at - c.size_bytes);
      result += character;
      word = at;
    }
  }
  flush(text.size());
  return result;
}

std::string swap_case(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = decode_utf8(text, at).size_bytes;
    const std::string_view character = text.substr(at, size);
    const std::string upper = to_upper(character);
    result += upper == character ? to_lower(character) : upper;
    at += size;
  }
  return result;
}

}  // namespace assay::tokenizer::jinja
