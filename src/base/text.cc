#include "base/text.h"

#include <array>

#include <fmt/format.h>

namespace assay {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Length that the lead byte announces, 0 for a byte that cannot lead.
std::size_t announced_size(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

/// Whether `byte` may be the second byte after `lead`: excludes overlong forms, surrogates and values past U+10FFFF.
bool may_follow(unsigned char lead, unsigned char byte) {
  switch (lead) {
    case 0xE0:
      return byte >= 0xA0 && byte <= 0xBF;
    case 0xED:
      return byte >= 0x80 && byte <= 0x9F;
    case 0xF0:
      return byte >= 0x90 && byte <= 0xBF;
    case 0xF4:
      return byte >= 0x80 && byte <= 0x8F;
    default:
      return byte >= 0x80 && byte <= 0xBF;
  }
}

/// How many bytes from text[at] are a well-formed start of a character.
std::size_t well_formed_size(std::string_view text, std::size_t at, std::size_t announced) {
  std::size_t size = 1;
  while (size < announced && at + size < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at + size]);
    const bool fits = size == 1 ? may_follow(static_cast<unsigned char>(text[at]), byte) : (byte & 0xC0) == 0x80;
    if (!fits) break;
    ++size;
  }
  return size;
}

}  // namespace

CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t announced = announced_size(lead);
  if (announced == 0 || well_formed_size(text, at, announced) != announced) return {kInvalidCodePoint, 1};
  if (announced == 1) return {lead, 1};
  char32_t value = lead & (0x7FU >> announced);
  for (std::size_t i = 1; i < announced; ++i) value = value << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
  return {value, announced};
}

void append_utf8(char32_t code_point, std::string& text) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    if (point.value == kInvalidCodePoint) return at;
    at += point.size_bytes;
  }
  return std::string_view::npos;
}

std::size_t complete_utf8_prefix(std::string_view text) {
  const std::size_t first = text.size() > 3 ? text.size() - 3 : 0;
  for (std::size_t at = text.size(); at-- > first;) {
    const std::size_t announced = announced_size(static_cast<unsigned char>(text[at]));
    if (announced == 0) continue;
    const bool open = at + announced > text.size() && well_formed_size(text, at, announced) == text.size() - at;
    return open ? at : text.size();
  }
  return text.size();
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    clean += point.value == kInvalidCodePoint ? kReplacement : text.substr(at, point.size_bytes);
    at += point.size_bytes;
  }
  return clean;
}

std::string printable(std::string_view text, std::size_t max_characters) {
  std::string line;
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++characters) {
    if (characters == max_characters) return line + "\xE2\x80\xA6";
    const CodePoint point = decode_utf8(text, at);
    if (point.value == '\n') {
      line += "\\n";
    } else if (point.value == '\t') {
      line += "\\t";
    } else if (point.value == '\r') {
      line += "\\r";
    } else if (point.value == kInvalidCodePoint || point.value < 0x20 || point.value == 0x7F) {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    } else if ((point.value >= 0x80 && point.value < 0xA0) || point.value == 0x2028 || point.value == 0x2029) {
      // Controls beyond ASCII: some terminals obey them, and some break the line.
      line += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point.value));
    } else {
      line += text.substr(at, point.size_bytes);
    }
    at += point.size_bytes;
  }
  return line;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

std::string human_bytes(std::uint64_t size_bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (size_bytes < 1000) return fmt::format("{} B", size_bytes);
  auto value = static_cast<double>(size_bytes);
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace assay
