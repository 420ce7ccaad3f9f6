#include "tokenizer/spm.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "tokenizer/escaped_space.h"
#include "tokenizer/merge.h"
#include "tokenizer/vocabulary_tokenizer.h"

namespace assay::tokenizer {
namespace {

/// Where a word begins after `from`: at a space that follows something else.
std::size_t next_word(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find(kEscapedSpace, from + 1); at != std::string_view::npos;
       at = text.find(kEscapedSpace, at + 1)) {
    if (at < kEscapedSpace.size() || text.substr(at - kEscapedSpace.size(), kEscapedSpace.size()) != kEscapedSpace) {
      return at;
    }
  }
  return text.size();
}

bool any_token_spans_words(const Vocabulary& vocabulary) {
  for (std::size_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view text = vocabulary.text(static_cast<Token>(id));
    if (next_word(text, 0) < text.size()) return true;
  }
  return false;
}

class SpmTokenizer final : public VocabularyTokenizer {
 public:
  SpmTokenizer(Vocabulary vocabulary, std::vector<float> scores)
      : VocabularyTokenizer(std::move(vocabulary)),
        scores_(std::move(scores)),
        word_by_word_(!any_token_spans_words(this->vocabulary())) {}

  std::unique_ptr<Tokenizer> read_as(const Reading& reading) const override;

 private:
  void encode_plain(std::string_view plain, bool at_start, std::vector<Token>& tokens) const override;
  std::string plain_piece(Token token) const override { return unescaped(vocabulary().text(token)); }
  void merge(std::string_view text, Merger& merger) const;

  std::vector<float> scores_;
  bool word_by_word_;  ///< no merge can cross the beginning of a word, so that words may be merged one by one
};

void SpmTokenizer::encode_plain(std::string_view plain, bool at_start, std::vector<Token>& tokens) const {
  std::string text;
  text.reserve(plain.size() + plain.size() / 2 + kEscapedSpace.size());
  if (at_start && vocabulary().add_space_prefix) text += kEscapedSpace;
  append_escaped(plain, text);
  Merger merger;
  bool after_unknown = false;
  std::size_t end = 0;
  for (std::size_t begin = 0; begin < text.size(); begin = end) {
    end = word_by_word_ ? next_word(text, begin) : text.size();
    const std::string_view word = std::string_view(text).substr(begin, end - begin);
    merge(word, merger);
    merger.for_each([&](const Symbol& symbol) {
      if (symbol.token == kNoToken) return spell(word.substr(symbol.begin, symbol.size), tokens, after_unknown);
      tokens.push_back(symbol.token);
      after_unknown = false;
    });
  }
}

void SpmTokenizer::merge(std::string_view text, Merger& merger) const {
  merger.clear();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = decode_utf8(text, at).size_bytes;
    const std::optional<Token> token = vocabulary().find_plain(text.substr(at, size));
    merger.add({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(size), token.value_or(kNoToken)});
    at += size;
  }
  merger.run([&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
    const std::size_t size = left.size + right.size;
    if (size > vocabulary().longest_token_bytes()) return std::nullopt;
    const std::optional<Token> token = vocabulary().find_plain(text.substr(left.begin, size));
    if (!token) return std::nullopt;
    return Merge{scores_[static_cast<std::size_t>(*token)], *token};
  });
}

std::unique_ptr<Tokenizer> SpmTokenizer::read_as(const Reading& reading) const {
  Vocabulary changed = vocabulary();
  changed.add_space_prefix = reading.add_space_prefix.value_or(changed.add_space_prefix);
  return std::make_unique<SpmTokenizer>(std::move(changed), scores_);
}

}  // namespace

std::unique_ptr<Tokenizer> make_spm_tokenizer(const gguf::File& file) {
  Vocabulary vocabulary(file, {.add_bos = true, .add_space_prefix = true, .bos = 1, .eos = 2, .unknown = 0});
  std::vector<float> scores = read_scores(file, vocabulary);
  return std::make_unique<SpmTokenizer>(std::move(vocabulary), std::move(scores));
}

}  // namespace assay::tokenizer
