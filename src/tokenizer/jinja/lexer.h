// A template's source cut into tokens, with the white space rules of trim_blocks and lstrip_blocks already applied.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/jinja/ast.h"

namespace assay::tokenizer::jinja {

enum class TokenKind {
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  real,
  sign,
  end
};

struct Token {
  TokenKind kind;
  Position at;
  std::string text;  ///< a string's value without quotes and escapes; else as written, numbers without underscores
};

/// The last token is `end`. Throws Error{input} with line and column.
std::vector<Token> tokenize(std::string_view source);

/// Error{kind}: "chat template, line 3, column 7: message".
[[noreturn]] void fail_at(Position at, const std::string& message, ErrorKind kind = ErrorKind::input,
                          const std::string& hint = {});

}  // namespace assay::tokenizer::jinja
