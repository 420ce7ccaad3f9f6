// Vocabularies that a test writes down: a GGUF file in memory, and the tokenizer made of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gguf/file.h"
#include "gguf/writer.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/tokenizer.h"

namespace assay::tokenizer {

/// Keeps the bytes, the file and the tokenizer together.
class MadeTokenizer {
 public:
  explicit MadeTokenizer(const gguf::Writer& writer)
      : bytes_(writer.bytes()),
        file_(gguf::File::parse("made.gguf", bytes_)),
        tokenizer_(Tokenizer::from_gguf(file_)) {}
  const Tokenizer& operator*() const { return *tokenizer_; }
  const Tokenizer* operator->() const { return tokenizer_.get(); }

 private:
  std::vector<std::byte> bytes_;
  gguf::File file_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

/// What tokenizer.ggml.* will say. An empty list is not written.
struct MadeVocabulary {
  std::string model;
  std::vector<std::string> tokens;
  std::vector<float> scores = {};
  std::vector<std::int32_t> kinds = {};
  std::vector<std::string> merges = {};
  std::string pre = {};

  void add(std::string text, TokenKind kind = TokenKind::normal, float score = 0) {
    tokens.push_back(std::move(text));
    kinds.push_back(static_cast<std::int32_t>(kind));
    if (model == "llama") scores.push_back(score);
  }

  gguf::Writer writer() const {
    gguf::Writer writer;
    writer.add_string("tokenizer.ggml.model", model);
    if (!tokens.empty()) writer.add_strings("tokenizer.ggml.tokens", tokens);
    if (!scores.empty()) writer.add_floats("tokenizer.ggml.scores", scores);
    if (!kinds.empty()) writer.add_ints("tokenizer.ggml.token_type", kinds);
    if (!merges.empty()) writer.add_strings("tokenizer.ggml.merges", merges);
    if (!pre.empty()) writer.add_string("tokenizer.ggml.pre", pre);
    return writer;
  }
};

/// "llama": <unk> <s> </s>, 256 byte tokens (ids 3 to 258), then whatever is added.
inline MadeVocabulary made_spm() {
  MadeVocabulary made{.model = "llama", .tokens = {}};
  made.add("<unk>", TokenKind::unknown);
  made.add("<s>", TokenKind::control);
  made.add("</s>", TokenKind::control);
  constexpr const char* kDigits = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    made.add(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">", TokenKind::byte);
  }
  return made;
}

/// "gpt2": the 256 bytes (id = byte), then one token for each merge "left right".
inline MadeVocabulary made_bpe(const std::vector<std::string>& merges, std::string pre = "gpt-2") {
  MadeVocabulary made{.model = "gpt2", .tokens = {}, .merges = merges, .pre = std::move(pre)};
  for (int byte = 0; byte < 256; ++byte) {
    std::string character;
    append_byte_character(static_cast<unsigned char>(byte), character);
    made.add(character);
  }
  for (const std::string& merge : merges) {
    const std::size_t space = merge.find(' ');
    made.add(merge.substr(0, space) + merge.substr(space + 1));
  }
  // A file needs one merge to have the array.
  if (merges.empty()) {
    made.merges = {"\u0120 \u0120"};
    made.add("\u0120\u0120");
  }
  return made;
}

/// The stored texts of the ids, for tests to read.
inline std::vector<std::string> texts(const Tokenizer& tokenizer, const std::vector<Token>& ids) {
  std::vector<std::string> result;
  result.reserve(ids.size());
  for (const Token id : ids) result.emplace_back(tokenizer.text(id));
  return result;
}

}  // namespace assay::tokenizer
