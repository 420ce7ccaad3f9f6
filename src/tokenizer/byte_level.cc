#include "tokenizer/byte_level.h"

#include <array>

#include "base/text.h"

namespace assay::tokenizer {
namespace {

constexpr bool is_printable(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

constexpr char32_t kFirstSubstitute = 0x100;
constexpr std::size_t kSubstitutes = 68;

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<unsigned char, kSubstitutes> substituted{};  ///< the byte of U+0100 + index
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  std::size_t next = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (is_printable(byte)) {
      alphabet.character[byte] = byte;
    } else {
      alphabet.substituted[next] = static_cast<unsigned char>(byte);
      alphabet.character[byte] = kFirstSubstitute + static_cast<char32_t>(next++);
    }
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

void append_byte_character(unsigned char byte, std::string& spelled) {
  append_utf8(kAlphabet.character[byte], spelled);
}

std::string spelled_bytes(std::string_view spelled) {
  std::string bytes;
  bytes.reserve(spelled.size());
  for (std::size_t at = 0; at < spelled.size();) {
    const CodePoint point = decode_utf8(spelled, at);
    if (point.value < 0x100 && is_printable(point.value)) {
      bytes.push_back(static_cast<char>(point.value));
    } else if (point.value >= kFirstSubstitute && point.value < kFirstSubstitute + kSubstitutes) {
      bytes.push_back(static_cast<char>(kAlphabet.substituted[point.value - kFirstSubstitute]));
    } else {
      bytes += spelled.substr(at, point.size_bytes);
    }
    at += point.size_bytes;
  }
  return bytes;
}

}  // namespace assay::tokenizer
