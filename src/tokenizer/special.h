// Finds the added tokens in a text: control tokens ("<|im_start|>") and those a user defined. They are cut out first;
// only what lies between them is tokenized.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

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
  };
  /// Indexes into specials_ of those that occur in the text, longest first.
  std::vector<std::size_t> occurring(std::string_view text, bool parse_special) const;

  std::vector<Special> specials_;                                    ///< sorted by text
  std::array<std::pair<std::size_t, std::size_t>, 256> by_first_{};  ///< the range in specials_ with this first byte
};

}  // namespace assay::tokenizer
