// Text to token ids and back, as the GGUF file's vocabulary says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/file.h"

namespace assay::tokenizer {

using Token = std::int32_t;

/// tokenizer.ggml.token_type
enum class TokenKind : std::int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct EncodeOptions {
  bool add_special = true;    ///< BOS/EOS as the metadata asks
  bool parse_special = true;  ///< text such as "<|im_start|>" becomes its control token; otherwise plain text
};

class Tokenizer {
 public:
  /// Reads tokenizer.ggml.*. Throws Error{input} for a broken vocabulary and Error{unsupported} for a tokenizer model
  /// or a pre-tokenizer it does not know, and lists those it knows. Keeps views into `file`.
  static std::unique_ptr<Tokenizer> from_gguf(const gguf::File& file);
  virtual ~Tokenizer() = default;

  /// Never fails: ill-formed UTF-8 becomes byte tokens where the vocabulary has them.
  virtual std::vector<Token> encode(std::string_view text, EncodeOptions options = {}) const = 0;

  /// The bytes a token stands for inside a text (for a byte token that one byte). Control tokens give their name when
  /// `render_special`, nothing otherwise. Throws Error{usage} for an id outside the vocabulary.
  virtual std::string piece(Token token, bool render_special = true) const = 0;

  /// Ids back to text. Undoes the space prefix of SentencePiece vocabularies.
  virtual std::string decode(const std::vector<Token>& tokens, bool render_special = true) const = 0;

  virtual std::size_t size() const = 0;
  virtual std::string_view text(Token token) const = 0;  ///< as stored in the file
  virtual TokenKind kind(Token token) const = 0;

  virtual std::optional<Token> bos() const = 0;
  virtual std::optional<Token> eos() const = 0;
  virtual bool adds_bos() const = 0;
  virtual bool adds_eos() const = 0;
  /// EOS, EOT and EOM ids of the metadata, and the well-known names for them ("<|im_end|>", "<|eot_id|>", ...).
  virtual bool ends_generation(Token token) const = 0;
};

/// Turns a stream of tokens into text that is cut only between characters. An incomplete character waits for its next
/// bytes.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool render_special = false);
  /// The text that is complete now; ill-formed bytes become U+FFFD.
  std::string push(Token token);
  /// Whatever still waits, at the end of the stream.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  bool render_special_;
  std::string pending_;
};

}  // namespace assay::tokenizer
