#include "tokenizer/escaped_space.h"

namespace assay::tokenizer {

void append_escaped(std::string_view text, std::string& escaped) {
  for (const char c : text) {
    if (c == ' ') {
      escaped += kEscapedSpace;
    } else {
      escaped += c;
    }
  }
}

std::string unescaped(std::string_view escaped) {
  std::string text(escaped);
  for (std::size_t at = text.find(kEscapedSpace); at != std::string::npos; at = text.find(kEscapedSpace, at + 1)) {
    text.replace(at, kEscapedSpace.size(), 1, ' ');
  }
  return text;
}

}  // namespace assay::tokenizer
