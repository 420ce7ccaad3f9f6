// What SentencePiece and byte-level tokenizers share: the vocabulary, the added tokens, and the frame of encode and
// decode.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/special.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"

namespace assay::tokenizer {

class VocabularyTokenizer : public Tokenizer {
 public:
  explicit VocabularyTokenizer(Vocabulary vocabulary);

  std::vector<Token> encode(std::string_view text, EncodeOptions options) const override;
  std::string piece(Token token, bool render_special) const override;
  std::string decode(const std::vector<Token>& tokens, bool render_special) const override;

  std::size_t size() const override { return vocabulary_->size(); }
  std::string_view text(Token token) const override;
  TokenKind kind(Token token) const override;
  std::optional<Token> bos() const override { return vocabulary_->bos; }
  std::optional<Token> eos() const override { return vocabulary_->eos; }
  bool adds_bos() const override { return vocabulary_->add_bos; }
  bool adds_eos() const override { return vocabulary_->add_eos; }
  bool ends_generation(Token token) const override;
  std::string_view pre_tokenizer() const override { return vocabulary_->pre_tokenizer; }

 protected:
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  /// Appends the tokens of a character that is no token itself: its bytes, or one unknown token for a whole run, as
  /// SentencePiece has it. `after_unknown` says whether that stands last.
  void spell(std::string_view character, std::vector<Token>& tokens, bool& after_unknown) const;

 private:
  /// Appends the tokens of plain text. `at_start`: nothing but special tokens stands before it.
  virtual void encode_plain(std::string_view plain, bool at_start, std::vector<Token>& tokens) const = 0;
  /// The bytes of a normal token.
  virtual std::string plain_piece(Token token) const = 0;
  void check(Token token) const;

  // Copies share them: other readings of a vocabulary cost nothing.
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::shared_ptr<const SpecialTokens> specials_;
};

}  // namespace assay::tokenizer
