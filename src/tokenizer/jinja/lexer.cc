#include "tokenizer/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "tokenizer/jinja/unescape.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::tokenizer::jinja {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (static_cast<unsigned char>(c) & 0x80) != 0;
}

// Line ends become \n, and one at the very end goes.
std::string normalize(std::string_view source) {
  std::string result;
  result.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      result.push_back('\n');
    } else {
      result.push_back(source[i]);
    }
  }
  if (!result.empty() && result.back() == '\n') result.pop_back();
  return result;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize(source)) {}

  std::vector<Token> run() {
    while (pos_ < source_.size()) {
      const std::size_t tag = next_tag();
      if (tag == std::string::npos) {
        add(TokenKind::data, source_.substr(pos_));
        move_to(source_.size());
        break;
      }
      const char type = source_[tag + 1];
      const char control = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      text_before(tag, control, type != '{');
      const bool controlled = control == '-' || control == '+';
      begin_ = here_;
      if (type == '%' && raw_block(tag + 2 + (controlled ? 1 : 0))) continue;
      if (type != '#') add(type == '{' ? TokenKind::variable_begin : TokenKind::block_begin, {});
      move_to(tag + 2 + (controlled ? 1 : 0));
      if (type == '#') {
        comment();
      } else {
        inside(type == '{');
      }
    }
    add(TokenKind::end, {});
    return std::move(tokens_);
  }

 private:
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, here_, std::move(text)}); }

  void move_to(std::size_t end) {
    for (; pos_ < end; ++pos_) {
      if (source_[pos_] == '\n') {
        ++here_.line;
        here_.column = 1;
      } else if ((static_cast<unsigned char>(source_[pos_]) & 0xC0) != 0x80) {
        ++here_.column;
      }
    }
  }

  std::size_t next_tag() const {
    for (std::size_t at = pos_; (at = source_.find('{', at)) != std::string::npos; ++at) {
      if (at + 1 < source_.size() && (source_[at + 1] == '{' || source_[at + 1] == '%' || source_[at + 1] == '#'))
        return at;
    }
    return std::string::npos;
  }

  std::size_t skip_space(std::size_t at) const {
    while (at < source_.size()) {
      const CodePoint c = decode_utf8(source_, at);
      if (!is_space(c.value)) break;
      at += c.size_bytes;
    }
    return at;
  }

  // The text up to a tag, less the white space that the tag takes away, as a token; leaves the position at the tag.
  void text_before(std::size_t tag, char control, bool strips_line) {
    std::string_view text = std::string_view(source_).substr(pos_, tag - pos_);
    if (control == '-') {
      text = strip_right(text);
    } else if (control != '+' && strips_line) {
      const std::size_t line = text.rfind('\n') + 1;  // npos + 1 is 0
      if ((line > 0 || line_starting_) && strip_left(text.substr(line)).empty()) text = text.substr(0, line);
    }
    if (!text.empty()) add(TokenKind::data, std::string(text));
    move_to(tag);
  }

  // Past the end of a tag at `at`, where `size` characters ("%}", "#}") close it: the white space it takes away.
  void close(std::size_t at, std::size_t size, bool trims_newline) {
    const char control = source_[at];
    if (control == '-') {
      at = skip_space(at + 1 + size);
    } else if (control == '+') {
      at += 1 + size;
    } else {
      at += size;
      if (trims_newline && at < source_.size() && source_[at] == '\n') ++at;
    }
    line_starting_ = source_[at - 1] == '\n';
    move_to(at);
  }

  void comment() {
    std::size_t end = source_.find("#}", pos_);
    if (pos_ == source_.size()) return;
    if (end == std::string::npos) fail_at(begin_, "the comment has no end '#}'");
    if (end > pos_ && (source_[end - 1] == '-' || source_[end - 1] == '+')) --end;
    close(end, 2, true);
  }

  // {% raw %} ... {% endraw %}; `at` is where the word may begin.
  bool raw_block(std::size_t at) {
    at = skip_space(at);
    if (source_.compare(at, 3, "raw") != 0) return false;
    at = skip_space(at + 3);
    const bool strips = source_.compare(at, 3, "-%}") == 0;
    if (!strips && source_.compare(at, 2, "%}") != 0) return false;
    close(at, 2, false);
    if (pos_ == source_.size()) return true;
    for (std::size_t tag = pos_; (tag = source_.find("{%", tag)) != std::string::npos; ++tag) {
      const char control = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      std::size_t word = skip_space(tag + (control == '-' || control == '+' ? 3 : 2));
      if (source_.compare(std::min(word, source_.size()), 6, "endraw") != 0) continue;
      word = skip_space(word + 6);
      const bool controlled = word < source_.size() && (source_[word] == '-' || source_[word] == '+');
      if (source_.compare(std::min(word + (controlled ? 1 : 0), source_.size()), 2, "%}") != 0) continue;
      text_before(tag, control, true);
      close(word, 2, true);
      return true;
    }
    fail_at(begin_, "the raw block has no end '{% endraw %}'");
  }

  bool at_end(bool variable, std::string& open) {
    if (!open.empty()) return false;
    const std::string_view closing = variable ? "}}" : "%}";
    const bool controlled = source_[pos_] == '-' || (!variable && source_[pos_] == '+');
    if (source_.compare(pos_ + (controlled ? 1 : 0), 2, closing) != 0) return false;
    add(variable ? TokenKind::variable_end : TokenKind::block_end, {});
    close(pos_, 2, !variable);
    return true;
  }

  void inside(bool variable) {
    std::string open;
    while (pos_ < source_.size()) {
      if (at_end(variable, open)) return;
      const std::size_t word = skip_space(pos_);
      if (word != pos_) {
        move_to(word);
      } else if (is_digit(source_[pos_])) {
        number();
      } else if (begins_name(source_[pos_])) {
        name();
      } else if (source_[pos_] == '"' || source_[pos_] == '\'') {
        quoted();
      } else {
        sign(open);
      }
    }
    line_starting_ = false;
  }

  void name() {
    std::size_t end = pos_;
    bool ascii = true;
    while (end < source_.size() && (begins_name(source_[end]) || is_digit(source_[end]))) {
      ascii = ascii && (static_cast<unsigned char>(source_[end]) & 0x80) == 0;
      ++end;
    }
    std::string text = source_.substr(pos_, end - pos_);
    if (!ascii && !matches("^[\\p{L}\\p{Nl}_][\\p{L}\\p{N}\\p{M}_]*+\\z", text)) {
      fail_at(here_, "unexpected character in " + printable(text, 40));
    }
    add(TokenKind::name, std::move(text));
    move_to(end);
  }

  // Digits with single underscores between them.
  std::size_t digits(std::size_t at, bool (*accepts)(char)) const {
    while (at < source_.size() &&
           (accepts(source_[at]) || (source_[at] == '_' && at + 1 < source_.size() && accepts(source_[at + 1])))) {
      ++at;
    }
    return at;
  }

  void number() {
    const auto hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
    const auto octal = [](char c) { return c >= '0' && c <= '7'; };
    const auto binary = [](char c) { return c == '0' || c == '1'; };
    TokenKind kind = TokenKind::integer;
    std::size_t end = pos_;
    const char base = pos_ + 1 < source_.size() ? static_cast<char>(source_[pos_ + 1] | 0x20) : '\0';
    if (source_[pos_] == '0' && (base == 'x' || base == 'o' || base == 'b')) {
      const std::size_t first = pos_ + 2;
      end = base == 'x' ? digits(first, hex) : base == 'o' ? digits(first, octal) : digits(first, binary);
      if (end == first) fail_at(here_, "a number without digits");
    } else {
      end = digits(pos_, is_digit);
      const bool after_dot = pos_ > 0 && source_[pos_ - 1] == '.';
      std::size_t real = end;
      if (!after_dot && end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
        real = digits(end + 1, is_digit);
      }
      if (!after_dot && real < source_.size() && (source_[real] | 0x20) == 'e') {
        const std::size_t sign = real + 1;
        const std::size_t first =
            sign + (sign < source_.size() && (source_[sign] == '+' || source_[sign] == '-') ? 1 : 0);
        if (first < source_.size() && is_digit(source_[first])) real = digits(first, is_digit);
      }
      if (real > end) kind = TokenKind::real;
      end = real;
    }
    std::string text = source_.substr(pos_, end - pos_);
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    if (kind == TokenKind::integer && text.size() > 1 && text[0] == '0' && is_digit(text[1]) &&
        text.find_first_not_of('0') != std::string::npos) {
      fail_at(here_, "a decimal number must not begin with 0");
    }
    add(kind, std::move(text));
    move_to(end);
  }

  void quoted() {
    const char quote = source_[pos_];
    std::size_t end = pos_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail_at(here_, "the string has no end");
    std::string error;
    std::string text = unescape(std::string_view(source_).substr(pos_ + 1, end - pos_ - 1), error);
    if (!error.empty()) fail_at(here_, error);
    add(TokenKind::string, std::move(text));
    move_to(end + 1);
  }

  void sign(std::string& open) {
    static constexpr std::array<std::string_view, 6> kPairs = {"//", "**", "==", "!=", ">=", "<="};
    static constexpr std::string_view kSingles = "+-/*%~[](){}=.:|,;<>";
    const std::string two = source_.substr(pos_, 2);
    const bool pair = std::find(kPairs.begin(), kPairs.end(), two) != kPairs.end();
    const char c = source_[pos_];
    if (!pair && kSingles.find(c) == std::string_view::npos) {
      fail_at(here_, "unexpected character " + printable(source_.substr(pos_, decode_utf8(source_, pos_).size_bytes)));
    }
    if (c == '(') open.push_back(')');
    if (c == '[') open.push_back(']');
    if (c == '{') open.push_back('}');
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) fail_at(here_, std::string("unexpected '") + c + "'");
      open.pop_back();
    }
    add(TokenKind::sign, pair ? two : std::string(1, c));
    move_to(pos_ + (pair ? 2 : 1));
  }

  const std::string source_;
  std::size_t pos_ = 0;
  Position here_, begin_;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

void fail_at(Position at, const std::string& message, ErrorKind kind, const std::string& hint) {
  throw Error(
      kind, "chat template, line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ": " + message,
      hint);
}

std::vector<Token> tokenize(std::string_view source) {
  if (const std::size_t bad = find_invalid_utf8(source); bad != std::string_view::npos) {
    throw Error(ErrorKind::input, "chat template: ill-formed UTF-8 at byte " + std::to_string(bad));
  }
  return Lexer(source).run();
}

}  // namespace assay::tokenizer::jinja
