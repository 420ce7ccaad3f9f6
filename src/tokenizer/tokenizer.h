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

/// How somebody else reads a vocabulary, where that is not as the file asks: diagnosis tries such readings.
struct Reading {
  std::optional<std::string_view> pre_tokenizer;  ///< of "gpt2": the name of another; empty: the text is not cut
  std::optional<bool> add_space_prefix;           ///< of "llama"
};

class Tokenizer {
 public:
  /// Reads tokenizer.ggml.* (vocabulary.h says what is checked). Throws Error{input} for a broken vocabulary, and
  /// Error{unsupported} for a tokenizer model or a pre-tokenizer it does not know, and lists those it knows. A "gpt2"
  /// file that names no pre-tokenizer gets "default", as in llama.cpp; pre_tokenizer() is empty then, so that a caller
  /// can warn. Keeps views into the contents of `file`.
  static std::unique_ptr<Tokenizer> from_gguf(const gguf::File& file);
  virtual ~Tokenizer() = default;
  /// The same vocabulary, read otherwise; what does not concern this kind of tokenizer is ignored. Throws
  /// Error{unsupported} for an unknown pre-tokenizer.
  virtual std::unique_ptr<Tokenizer> read_as(const Reading& reading) const = 0;

  /// Ids as llama.cpp has them for well-formed text. With `add_special`, BOS and EOS stand around any text, an empty
  /// one too, where adds_bos() and adds_eos() say so; a prompt that must have BOS is its caller's matter. User-defined
  /// tokens are found in the text with and without `parse_special`. Ill-formed UTF-8 does not fail: its bytes become
  /// byte tokens, and stand apart from the text around them. A byte that the vocabulary cannot spell becomes the
  /// unknown token ("llama") or is left out ("gpt2"). Throws Error{usage} for more than a gigabyte of text.
  virtual std::vector<Token> encode(std::string_view text, EncodeOptions options = {}) const = 0;

  /// The bytes a token stands for inside a text (for a byte token that one byte). Control and unknown tokens give their
  /// name when `render_special`, nothing otherwise. Throws Error{usage} for an id outside the vocabulary, as do text(),
  /// kind() and ends_generation().
  virtual std::string piece(Token token, bool render_special = true) const = 0;

  /// Ids back to text, bytes as they were. Undoes encode's space prefix, at the start and after control and
  /// user-defined tokens; no other space is touched.
  virtual std::string decode(const std::vector<Token>& tokens, bool render_special = true) const = 0;

  virtual std::size_t size() const = 0;
  virtual std::string_view text(Token token) const = 0;  ///< as stored in the file
  virtual TokenKind kind(Token token) const = 0;         ///< control for well-known names that the file marks otherwise

  virtual std::optional<Token> bos() const = 0;
  virtual std::optional<Token> eos() const = 0;
  virtual bool adds_bos() const = 0;
  virtual bool adds_eos() const = 0;
  /// EOS, EOT and EOM ids of the metadata, and the well-known names for them ("<|im_end|>", "<|eot_id|>", ...).
  virtual bool ends_generation(Token token) const = 0;

  /// tokenizer.ggml.pre as the file has it; empty where it is absent.
  virtual std::string_view pre_tokenizer() const = 0;
};

/// Turns a stream of tokens into well-formed text that is cut only between characters. An incomplete character waits
/// for its next bytes. The stream goes on where a prompt ended, so a leading space stays.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool render_special = false);
  /// The text that is complete now; each ill-formed byte becomes U+FFFD.
  std::string push(Token token);
  /// Whatever still waits, at the end of the stream.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  bool render_special_;
  std::string pending_;
};

}  // namespace assay::tokenizer
