#include "tokenizer/wordpiece.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <utf8proc.h>

#include "base/text.h"
#include "tokenizer/escaped_space.h"
#include "tokenizer/prefix_search.h"
#include "tokenizer/vocabulary_tokenizer.h"

namespace assay::tokenizer {
namespace {

constexpr std::size_t kMaxWordCharacters = 100;
constexpr char32_t kReplacement = 0xFFFD;

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool is_space(char32_t c) {
  return c == '\t' || c == '\n' || c == '\r' || category(c) == UTF8PROC_CATEGORY_ZS ||
         category(c) == UTF8PROC_CATEGORY_ZL || category(c) == UTF8PROC_CATEGORY_ZP;
}

/// What BERT throws away: controls, formats, private characters, and U+FFFD, which stands for ill-formed bytes too.
bool is_dropped(char32_t c) {
  if (c == kReplacement || c == kInvalidCodePoint) return true;
  const utf8proc_category_t its = category(c);
  return its == UTF8PROC_CATEGORY_CC || its == UTF8PROC_CATEGORY_CF || its == UTF8PROC_CATEGORY_CO;
}

/// ASCII's symbols count, "$" too.
bool is_punctuation(char32_t c) {
  if (c < 0x80)
    return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z');
  const utf8proc_category_t its = category(c);
  return its >= UTF8PROC_CATEGORY_PC && its <= UTF8PROC_CATEGORY_PO;
}

/// Chinese characters are words. The ranges are BERT's, one of them as Hugging Face reads it (0x2B920, not 0x2B820).
bool is_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

/// A character decomposed (Unicode's canonical form) and without its accents.
void append_bare(char32_t c, std::u32string& bare) {
  std::array<utf8proc_int32_t, 16> parts{};  // none has more than four
  int boundary = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
                                                         UTF8PROC_DECOMPOSE, &boundary);
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    const auto part = static_cast<char32_t>(parts[static_cast<std::size_t>(i)]);
    if (category(part) != UTF8PROC_CATEGORY_MN) bare += part;
  }
}

class WordPieceTokenizer final : public VocabularyTokenizer {
 public:
  WordPieceTokenizer(Vocabulary vocabulary, bool lowercase, bool strip_accents);

  std::unique_ptr<Tokenizer> read_as(const Reading& /*reading*/) const override {
    return std::make_unique<WordPieceTokenizer>(*this);
  }
  std::string decode(const std::vector<Token>& tokens, bool render_special) const override;

 private:
  void encode_plain(std::string_view plain, bool at_start, std::vector<Token>& tokens) const override;
  std::string plain_piece(Token token) const override;
  std::u32string normalized(char32_t c) const;
  void encode_word(std::string_view word, std::vector<Token>& tokens) const;

  std::vector<Token> candidates_;  ///< sorted by text, as search_ has them
  PrefixSearch search_;
  bool lowercase_;
  bool strip_accents_;
};

WordPieceTokenizer::WordPieceTokenizer(Vocabulary vocabulary, bool lowercase, bool strip_accents)
    : VocabularyTokenizer(std::move(vocabulary)), lowercase_(lowercase), strip_accents_(strip_accents) {
  const Vocabulary& own = this->vocabulary();
  for (std::size_t id = 0; id < own.size(); ++id) {
    const auto token = static_cast<Token>(id);
    if (own.find_plain(own.text(token)) == token) candidates_.push_back(token);
  }
  std::sort(candidates_.begin(), candidates_.end(), [&](Token a, Token b) { return own.text(a) < own.text(b); });
  std::vector<std::string_view> texts;
  texts.reserve(candidates_.size());
  for (const Token token : candidates_) texts.push_back(own.text(token));
  search_ = PrefixSearch(std::move(texts));
}

std::string WordPieceTokenizer::plain_piece(Token token) const {
  const std::string_view text = vocabulary().text(token);
  return text.starts_with(kEscapedSpace) ? " " + std::string(text.substr(kEscapedSpace.size())) : std::string(text);
}

std::u32string WordPieceTokenizer::normalized(char32_t c) const {
  std::u32string characters;
  if (strip_accents_) {
    append_bare(c, characters);
  } else {
    characters += c;
  }
  if (!lowercase_) return characters;
  std::u32string lower;
  for (const char32_t character : characters) {
    lower += static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character)));
    if (character == 0x130) lower += 0x307;  // the one whose lower case is two characters: its dot stays
  }
  return lower;
}

void WordPieceTokenizer::encode_plain(std::string_view plain, bool /*at_start*/, std::vector<Token>& tokens) const {
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) encode_word(word, tokens);
    word.clear();
  };
  for (std::size_t at = 0; at < plain.size();) {
    const CodePoint point = decode_utf8(plain, at);
    at += point.size_bytes;
    if (point.value != '\t' && point.value != '\n' && point.value != '\r' && is_dropped(point.value)) continue;
    const bool alone = is_chinese(point.value);
    if (alone || is_space(point.value)) end_word();
    if (is_space(point.value)) continue;
    for (const char32_t c : normalized(point.value)) {
      if (is_punctuation(c)) end_word();
      append_utf8(c, word);
      if (is_punctuation(c)) end_word();
    }
    if (alone) end_word();
  }
  end_word();
}

void WordPieceTokenizer::encode_word(std::string_view word, std::vector<Token>& tokens) const {
  const auto is_first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  const auto characters = static_cast<std::size_t>(std::count_if(word.begin(), word.end(), is_first_byte));
  const std::size_t before = tokens.size();
  const std::string marked = std::string(kEscapedSpace) + std::string(word);
  std::size_t at = characters > kMaxWordCharacters ? std::string::npos : 0;
  while (at < marked.size()) {
    std::optional<Token> longest;
    // What begins a word stands nowhere else, also where the text has a U+2581 of its own.
    const bool fits = at == 0 || !std::string_view(marked).substr(at).starts_with(kEscapedSpace);
    if (fits) search_.for_each(marked, at, [&](std::size_t index) { longest = candidates_[index]; });
    at = longest ? at + vocabulary().text(*longest).size() : std::string::npos;
    if (longest) tokens.push_back(*longest);
  }
  if (at == marked.size()) return;
  // Where one part of a word is unknown, all of it is.
  tokens.resize(before);
  if (vocabulary().unknown) tokens.push_back(*vocabulary().unknown);
}

std::string WordPieceTokenizer::decode(const std::vector<Token>& tokens, bool render_special) const {
  // Where spaces were is lost. They stand before words, but not before the marks that end one.
  std::string text;
  for (const Token token : tokens) {
    const std::string bytes = piece(token, render_special);
    const TokenKind its_kind = kind(token);
    const bool is_special = its_kind != TokenKind::normal && its_kind != TokenKind::unused;
    const bool closes = bytes == " ." || bytes == " ?" || bytes == " !" || bytes == " ,";
    if (is_special && !text.empty() && !bytes.empty()) text += ' ';
    text += text.empty() || closes ? std::string_view(bytes).substr(bytes.starts_with(' ') ? 1 : 0) : bytes;
  }
  return text;
}

}  // namespace

std::unique_ptr<Tokenizer> make_wordpiece_tokenizer(const gguf::File& file) {
  Vocabulary vocabulary(file, {.add_bos = true, .add_eos = true, .bos = 101, .eos = 102, .unknown = 100});
  const std::uint64_t separator =
      file.get_uint("tokenizer.ggml.seperator_token_id").value_or(102);  // its real spelling
  vocabulary.eos = separator < vocabulary.size() ? std::optional(static_cast<Token>(separator)) : std::nullopt;
  vocabulary.add_bos = vocabulary.bos.has_value();
  vocabulary.add_eos = vocabulary.eos.has_value();
  const bool lowercase = file.get_bool("tokenizer.ggml.normalizer.lowercase").value_or(true);
  const bool strip_accents = file.get_bool("tokenizer.ggml.normalizer.strip_accents").value_or(lowercase);
  return std::make_unique<WordPieceTokenizer>(std::move(vocabulary), lowercase, strip_accents);
}

}  // namespace assay::tokenizer
