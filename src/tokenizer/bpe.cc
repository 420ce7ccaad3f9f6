#include "tokenizer/bpe.h"

#include <array>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/escaped_space.h"
#include "tokenizer/merge.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/vocabulary_tokenizer.h"

namespace assay::tokenizer {
namespace {

constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";

constexpr std::uint64_t pair_key(Token left, Token right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

struct HashPair {
  std::size_t operator()(std::uint64_t key) const { return (key ^ key >> 29) * 0x9E3779B97F4A7C15U; }
};
/// Pair of tokens -> what it becomes.
using Merges = std::unordered_map<std::uint64_t, Merge, HashPair>;

Merges read_merges(const gguf::File& file, const Vocabulary& vocabulary) {
  const std::vector<std::string_view>* lines = file.get_strings(kMergesKey);
  if (lines == nullptr) {
    throw Error(ErrorKind::input, fmt::format("{}: {} is absent", file.name(), kMergesKey),
                "a \"gpt2\" vocabulary needs its merges; convert the file again");
  }
  Merges merges;
  merges.reserve(lines->size());
  std::string joined;
  for (std::size_t rank = 0; rank < lines->size(); ++rank) {
    const std::string_view line = (*lines)[rank];
    const std::size_t space = line.find(' ', 1);
    if (space == std::string_view::npos) {
      throw vocabulary.element_error(kMergesKey, rank,
                                     fmt::format("is \"{}\", without a space between two tokens", printable(line, 40)));
    }
    const std::string_view left = line.substr(0, space);
    const std::string_view right = line.substr(space + 1);
    joined.assign(left).append(right);
    const auto find = [&](std::string_view text) {
      const std::optional<Token> token = vocabulary.find(text);
      if (token) return *token;
      throw vocabulary.element_error(kMergesKey, rank,
                                     fmt::format("names \"{}\", which is no token", printable(text, 40)));
    };
    merges.emplace(pair_key(find(left), find(right)), Merge{-static_cast<double>(rank), find(joined)});
  }
  return merges;
}

class BpeTokenizer final : public VocabularyTokenizer {
 public:
  BpeTokenizer(Vocabulary vocabulary, Merges merges, PreTokenizer pre_tokenizer);

  std::unique_ptr<Tokenizer> read_as(const Reading& reading) const override;

 private:
  void encode_plain(std::string_view plain, bool at_start, std::vector<Token>& tokens) const override;
  std::string plain_piece(Token token) const override;
  void encode_piece(std::string_view piece, Merger& merger, std::vector<Token>& tokens) const;
  std::optional<Token> whole_token(std::string_view piece) const;

  std::shared_ptr<const Merges> merges_;
  PreTokenizer pre_tokenizer_;
  bool is_raw_;                   ///< of this vocabulary, however it is cut
  std::array<Token, 256> bytes_;  ///< the token of each byte, kNoToken where the vocabulary has none
};

BpeTokenizer::BpeTokenizer(Vocabulary vocabulary, Merges merges, PreTokenizer pre_tokenizer)
    : VocabularyTokenizer(std::move(vocabulary)),
      merges_(std::make_shared<const Merges>(std::move(merges))),
      pre_tokenizer_(std::move(pre_tokenizer)),
      is_raw_(pre_tokenizer_.is_raw()) {
  for (unsigned byte = 0; byte < bytes_.size(); ++byte) {
    std::string character;
    append_byte_character(static_cast<unsigned char>(byte), character);
    const std::optional<Token> token = this->vocabulary().find_plain(character);
    // A user-defined "\u00FF" is that letter, and not the byte 0xFF.
    const bool is_byte = token && this->vocabulary().kind(*token) != TokenKind::user_defined;
    bytes_[byte] = is_byte ? *token : kNoToken;
  }
}

std::unique_ptr<Tokenizer> BpeTokenizer::read_as(const Reading& reading) const {
  auto other = std::make_unique<BpeTokenizer>(*this);
  if (const auto& name = reading.pre_tokenizer)
    other->pre_tokenizer_ = name->empty() ? PreTokenizer() : PreTokenizer(*name);
  return other;
}

std::string BpeTokenizer::plain_piece(Token token) const {
  const std::string_view text = vocabulary().text(token);
  return is_raw_ ? unescaped(text) : spelled_bytes(text);
}

void BpeTokenizer::encode_plain(std::string_view plain, bool /*at_start*/, std::vector<Token>& tokens) const {
  std::string escaped;
  if (is_raw_) {
    append_escaped(plain, escaped);
    plain = escaped;
  }
  Merger merger;
  for (const std::string_view piece : pre_tokenizer_.split(plain)) {
    // Merges of such vocabularies leave out those of line ends.
    const bool is_lines = is_raw_ && piece.find_first_not_of('\n') == std::string_view::npos;
    const bool whole = is_lines || pre_tokenizer_.ignores_merges();
    if (const std::optional<Token> token = whole ? whole_token(piece) : std::nullopt) {
      tokens.push_back(*token);
    } else {
      encode_piece(piece, merger, tokens);
    }
  }
}

void BpeTokenizer::encode_piece(std::string_view piece, Merger& merger, std::vector<Token>& tokens) const {
  merger.clear();
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t size = is_raw_ ? decode_utf8(piece, at).size_bytes : 1;
    const Token token = is_raw_ ? vocabulary().find_plain(piece.substr(at, size)).value_or(kNoToken)
                                : bytes_[static_cast<unsigned char>(piece[at])];
    merger.add({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(size), token});
    at += size;
  }
  merger.run([&](const Symbol& left, const Symbol& right) -> std::optional<Merge> {
    const auto found = merges_->find(pair_key(left.token, right.token));
    return found == merges_->end() ? std::nullopt : std::optional<Merge>(found->second);
  });
  merger.for_each([&](const Symbol& symbol) {
    if (symbol.token != kNoToken) {
      tokens.push_back(symbol.token);
    } else if (is_raw_) {
      for (const char c : piece.substr(symbol.begin, symbol.size)) {
        if (const auto byte = vocabulary().byte_token(static_cast<unsigned char>(c))) tokens.push_back(*byte);
      }
    }
    // Otherwise it is a byte that the vocabulary cannot spell. It is left out, as everybody does.
  });
}

std::optional<Token> BpeTokenizer::whole_token(std::string_view piece) const {
  if (piece.size() > vocabulary().longest_token_bytes()) return std::nullopt;
  if (is_raw_) return vocabulary().find_plain(piece);
  std::string spelled;
  for (const char c : piece) append_byte_character(static_cast<unsigned char>(c), spelled);
  return vocabulary().find_plain(spelled);
}

}  // namespace

std::unique_ptr<Tokenizer> make_bpe_tokenizer(const gguf::File& file) {
  const bool is_gemma = file.get_string("tokenizer.ggml.model") == "gemma4";
  try {
    PreTokenizer pre_tokenizer(is_gemma ? "gemma4" : file.get_string("tokenizer.ggml.pre").value_or("default"));
    Vocabulary vocabulary(file, {.add_bos = pre_tokenizer.adds_bos(), .bos = {}, .eos = {}, .unknown = {}});
    Merges merges = read_merges(file, vocabulary);
    return std::make_unique<BpeTokenizer>(std::move(vocabulary), std::move(merges), std::move(pre_tokenizer));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unsupported) throw;
    throw Error(error.kind(), fmt::format("{}: {}", file.name(), error.what()), error.hint());
  }
}

}  // namespace assay::tokenizer
