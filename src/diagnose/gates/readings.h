// The ways in which engines make ids of a text: the right one, and others by known mistakes, each carried out by a
// tokenizer that makes it. BOS and EOS around the text are not theirs to add.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/fault.h"
#include "gguf/file.h"
#include "tokenizer/tokenizer.h"

namespace assay::diagnose {

/// A mistake as findings name it.
struct TokenMistake {
  std::string fault;
  std::vector<Parameter> parameters;
};

struct ReadText {
  std::vector<TokenMistake> mistakes;
  std::vector<tokenizer::Token> ids;
};

/// `tokenizer` is that of `file`; both must outlive the readings.
class Readings {
 public:
  Readings(const gguf::File& file, const tokenizer::Tokenizer& tokenizer) : file_(file), tokenizer_(tokenizer) {}

  /// As this model wants it.
  std::vector<tokenizer::Token> right(std::string_view text) const;
  /// With so many mistakes: 0 (one result), 1 or 2. Those that give the right ids all the same are left out.
  std::vector<ReadText> with(std::string_view text, std::size_t mistakes);

 private:
  struct Reader {
    std::vector<TokenMistake> mistakes;
    std::function<std::vector<tokenizer::Token>(const std::string& text, bool parse_special)> encode;
  };
  void make_readers();

  const gguf::File& file_;
  const tokenizer::Tokenizer& tokenizer_;
  std::vector<Reader> readers_;  // made when a mistake is first looked for: each is a tokenizer of its own
};

}  // namespace assay::diagnose
