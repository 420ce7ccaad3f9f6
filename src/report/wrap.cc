#include "report/wrap.h"

namespace assay::report {

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  bool in_escape = false;
  for (const char c : text) {
    if (c == '\033') in_escape = true;
    if (!in_escape && (static_cast<unsigned char>(c) & 0xC0) != 0x80) ++width;
    if (c == 'm') in_escape = false;
  }
  return width;
}

std::string wrapped(std::string_view first, std::string_view text, std::size_t indent, std::size_t columns) {
  std::string lines(first);
  std::size_t column = width_of(first);
  bool is_line_empty = true;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size() + (word.size() < text.size() ? 1 : 0));
    if (word.empty()) continue;
    const std::size_t width = width_of(word);
    if (!is_line_empty && column + 1 + width > columns) {
      lines += "\n" + std::string(indent, ' ');
      column = indent;
      is_line_empty = true;
    }
    if (!is_line_empty) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += width;
    is_line_empty = false;
  }
  return lines + "\n";
}

}  // namespace assay::report
