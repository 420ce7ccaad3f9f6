// The vocabulary of a GGUF file: tokenizer.ggml.* read and checked once, for every kind of tokenizer.
//
//   tokens        strings, the index is the id           token_type    int32, see TokenKind; absent: all normal
//   scores        float, higher is better                 merges        "left right", best first
//   bos_token_id, eos_token_id, ...                       add_bos_token, add_eos_token, add_space_prefix
//
// Tolerated: an id outside the vocabulary counts as absent; an empty token never matches; of equal tokens the lowest id
// encodes; ill-formed UTF-8 in a token is just bytes. Everything else that does not fit is an Error{input}.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "gguf/file.h"
#include "tokenizer/tokenizer.h"

namespace assay::tokenizer {

/// What the metadata leaves open depends on the tokenizer model.
struct VocabularyDefaults {
  bool add_bos = false;
  bool add_eos = false;
  bool add_space_prefix = false;
  std::optional<Token> bos, eos, unknown;
};

class Vocabulary {
 public:
  /// Keeps views into `file`, whose contents must outlive the result. Throws Error{input}.
  Vocabulary(const gguf::File& file, const VocabularyDefaults& defaults);

  std::size_t size() const { return tokens_.size(); }
  std::string_view text(Token token) const { return tokens_[static_cast<std::size_t>(token)]; }
  TokenKind kind(Token token) const { return kinds_[static_cast<std::size_t>(token)]; }

  /// The lowest id with this text, of any kind.
  std::optional<Token> find(std::string_view token_text) const;
  /// The same among the tokens that plain text may become: normal, unused and user-defined ones.
  std::optional<Token> find_plain(std::string_view token_text) const;
  /// The token of one byte: a byte token, or a token whose text is "<0x41>" or that byte.
  std::optional<Token> byte_token(unsigned char byte) const { return byte_tokens_[byte]; }
  /// The byte that a byte token stands for.
  unsigned char byte_value(Token token) const;
  std::size_t longest_token_bytes() const { return longest_token_bytes_; }

  /// The error for element `index` of a metadata array of this file.
  Error element_error(std::string_view key, std::size_t index, const std::string& problem) const;

  std::optional<Token> bos, eos, unknown;
  bool add_bos = false;
  bool add_eos = false;
  bool add_space_prefix = false;
  std::vector<bool> ends_generation;  ///< by id
  std::string_view pre_tokenizer;     ///< tokenizer.ggml.pre, empty where it is absent
  /// Spaces and line ends behind special tokens vanish. Files do not say so: llama.cpp goes by the name of Phi-3, whose
  /// tokenizer.json has it ("rstrip"), and its chat template puts a line end behind each.
  bool strips_behind_special = false;

 private:
  void read_tokens(const gguf::File& file);
  void read_kinds(const gguf::File& file);
  void read_special_ids(const gguf::File& file, const VocabularyDefaults& defaults);
  void find_byte_tokens();
  void mark_well_known_tokens();
  void except_some_tokens();

  std::string file_name_;
  std::vector<std::string_view> tokens_;
  std::vector<TokenKind> kinds_;
  std::unordered_map<std::string_view, Token> ids_;
  std::array<std::optional<Token>, 256> byte_tokens_;
  std::size_t longest_token_bytes_ = 0;
};

/// tokenizer.ggml.scores, one for each token. Throws Error{input} where they are absent, too few or not numbers.
std::vector<float> read_scores(const gguf::File& file, const Vocabulary& vocabulary);

}  // namespace assay::tokenizer
