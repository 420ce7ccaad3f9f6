// A regular expression of a pre-tokenizer, and how it cuts a text. In it \s means the Unicode property White_Space, $
// the very end of a piece, and \p{...}, \d and (?i:...) are Unicode's.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace assay::tokenizer {

class Expression {
 public:
  /// The pattern is the program's own: a mistake in it is an Error{internal}.
  explicit Expression(std::string_view pattern);
  /// A pattern from a file: what it does to a text is bounded. Nullopt where it is none, or is too large.
  static std::optional<Expression> of_file(std::string_view pattern);
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  /// Each piece cut into its matches and what lies between them; an empty match cuts at its place. Pieces are
  /// well-formed UTF-8, and none sees its neighbours. Throws Error{unsupported} where a file's pattern takes too long.
  std::vector<std::string_view> split(const std::vector<std::string_view>& pieces) const;

 private:
  Expression() = default;
  struct Compiled;
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace assay::tokenizer
