// The pre-tokenizers of byte-level BPE, by the name in tokenizer.ggml.pre: regular expressions that cut a text into
// pieces, inside which merges happen. The expressions run one after the other, each on the pieces of the one before;
// what an expression does not match stays as a piece between its matches. Adding one is one line of the table in the
// .cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::tokenizer {

class PreTokenizer {
 public:
  /// Throws Error{unsupported} for an unknown name, and lists the known ones.
  explicit PreTokenizer(std::string_view name);
  /// Cuts nothing.
  PreTokenizer();

  /// One name of each.
  static std::vector<std::string_view> names();
  /// The name of the one with these expressions, or that cuts texts of many kinds of characters as they do, and with
  /// ignores_merges() if there is one; empty: there is none. Not of those with is_raw().
  static std::string_view name_of(std::span<const std::string> expressions, bool ignores_merges);
  /// The expression of Hugging Face's ByteLevel.
  static std::string_view byte_level_expression();

  /// Pieces in order; together they are the text. A run of ill-formed bytes is a piece of its own, and the text before
  /// and after it is cut as if it stood alone.
  std::vector<std::string_view> split(std::string_view text) const;

  /// Whether a piece that is a token needs no merges.
  bool ignores_merges() const;
  /// Whether BOS is added when the metadata does not say.
  bool adds_bos() const;
  /// Whether the vocabulary is written in plain UTF-8 with U+2581 for a space, and bytes as "<0x0A>", as
  /// SentencePiece's are; otherwise in GPT-2's byte alphabet.
  bool is_raw() const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace assay::tokenizer
