// Finds the added tokens in a text: control tokens ("<|im_start|>") and those a user defined. They are cut out first;
// only what lies between them is tokenized.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/prefix_search.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"

namespace assay::tokenizer {

/// A stretch of plain text, or a token.
struct Fragment {
  std::string_view text;
  std::optional<Token> token;
};

class SpecialTokens {
 public:
  explicit SpecialTokens(const Vocabulary& vocabulary);

  /// Longer tokens take their places first, anywhere in the text, then shorter ones in what is left, each from left to
  /// right. Control and unknown tokens only with `parse_special`; user-defined ones always. No fragment is empty.
  std::vector<Fragment> partition(std::string_view text, bool parse_special) const;

 private:
  struct Special {
    std::string_view text;
    Token token;
    bool always;  ///< user-defined
    bool strips;  ///< the white space behind it
  };
  /// Indexes into specials_ of those that occur in the text, longest first.
  std::vector<std::size_t> occurring(std::string_view text, bool parse_special) const;

  std::vector<Special> specials_;  ///< sorted by text, as search_ has them
  PrefixSearch search_;
};

}  // namespace assay::tokenizer
