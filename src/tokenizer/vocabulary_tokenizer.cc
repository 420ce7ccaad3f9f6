#include "tokenizer/vocabulary_tokenizer.h"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace assay::tokenizer {

VocabularyTokenizer::VocabularyTokenizer(Vocabulary vocabulary)
    : vocabulary_(std::make_shared<const Vocabulary>(std::move(vocabulary))),
      specials_(std::make_shared<const SpecialTokens>(*vocabulary_)) {}

std::vector<Token> VocabularyTokenizer::encode(std::string_view text, EncodeOptions options) const {
  // Symbols count in 32 bits, and a SentencePiece vocabulary makes three bytes of a space.
  constexpr std::size_t kMaxBytes = std::numeric_limits<std::uint32_t>::max() / 4;
  if (text.size() > kMaxBytes) {
    throw Error(ErrorKind::usage,
                fmt::format("a text of {} bytes; at most {} are encoded at once", text.size(), kMaxBytes),
                "split the text");
  }
  std::vector<Token> tokens;
  if (options.add_special && vocabulary_->add_bos) tokens.push_back(vocabulary_->bos.value());
  bool at_start = true;
  for (const Fragment& fragment : specials_->partition(text, options.parse_special)) {
    if (fragment.token) {
      tokens.push_back(*fragment.token);
    } else {
      encode_plain(fragment.text, at_start, tokens);
    }
    at_start = fragment.token.has_value();
  }
  if (options.add_special && vocabulary_->add_eos) tokens.push_back(vocabulary_->eos.value());
  return tokens;
}

void VocabularyTokenizer::spell(std::string_view character, std::vector<Token>& tokens, bool& after_unknown) const {
  for (const char c : character) {
    if (const std::optional<Token> byte = vocabulary_->byte_token(static_cast<unsigned char>(c))) {
      tokens.push_back(*byte);
      after_unknown = false;
    } else if (vocabulary_->unknown && !after_unknown) {
      tokens.push_back(*vocabulary_->unknown);
      after_unknown = true;
    }
  }
}

std::string VocabularyTokenizer::piece(Token token, bool render_special) const {
  switch (kind(token)) {
    case TokenKind::control:
    case TokenKind::unknown:
      return render_special ? std::string(vocabulary_->text(token)) : std::string();
    case TokenKind::user_defined:
      return std::string(vocabulary_->text(token));
    case TokenKind::byte:
      return {static_cast<char>(vocabulary_->byte_value(token))};
    case TokenKind::normal:
    case TokenKind::unused:
      break;
  }
  return plain_piece(token);
}

std::string VocabularyTokenizer::decode(const std::vector<Token>& tokens, bool render_special) const {
  std::string text;
  bool at_start = true;
  for (const Token token : tokens) {
    const std::string bytes = piece(token, render_special);
    const TokenKind its_kind = kind(token);
    const bool special = its_kind == TokenKind::control || its_kind == TokenKind::user_defined;
    const bool prefixed = vocabulary_->add_space_prefix && at_start && !special && !bytes.empty() && bytes[0] == ' ';
    text += std::string_view(bytes).substr(prefixed ? 1 : 0);
    at_start = special;
  }
  return text;
}

std::string_view VocabularyTokenizer::text(Token token) const {
  check(token);
  return vocabulary_->text(token);
}

TokenKind VocabularyTokenizer::kind(Token token) const {
  check(token);
  return vocabulary_->kind(token);
}

bool VocabularyTokenizer::ends_generation(Token token) const {
  check(token);
  return vocabulary_->ends_generation[static_cast<std::size_t>(token)];
}

void VocabularyTokenizer::check(Token token) const {
  if (token >= 0 && static_cast<std::size_t>(token) < vocabulary_->size()) return;
  throw Error(ErrorKind::usage, fmt::format("token {} is outside the vocabulary of {}", token, vocabulary_->size()),
              "token ids belong to one model; use ids that this model's tokenizer made");
}

}  // namespace assay::tokenizer
