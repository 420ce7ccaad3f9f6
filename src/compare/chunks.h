// A text cut into chunks and scored as llama.cpp's llama-perplexity does it (tools/perplexity/perplexity.cpp), so that
// figures can be laid side by side.
//
// The whole text is tokenized once, without special tokens in it; chunk i is tokens [i * context, (i + 1) * context).
// Where the vocabulary adds BOS, BOS stands in the place of each chunk's first token. Row `first` = context / 2 and the
// rows after it are scored: row r by how it predicts token r + 1. The last token is predicted and never an input.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "tokenizer/tokenizer.h"

namespace assay::compare {

inline constexpr std::size_t kDefaultContext = 512;

/// The tokens that chunks are cut from. Drops one line feed at the text's end, as llama-perplexity does.
std::vector<tokenizer::Token> encode_text(const tokenizer::Tokenizer& tokenizer, std::string_view text);

class Chunks {
 public:
  /// Of what encode_text() gave. `limit`: at most so many chunks. Throws Error{usage} when `context` is below 4,
  /// Error{input} when the text does not fill a chunk (and says how many tokens it has).
  Chunks(const tokenizer::Tokenizer& tokenizer, std::vector<tokenizer::Token> text, std::size_t context,
         std::optional<std::size_t> limit);
  Chunks(const tokenizer::Tokenizer& tokenizer, std::string_view text, std::size_t context,
         std::optional<std::size_t> limit);

  /// The first chunks, at most `count`.
  Chunks head(std::size_t count) const;

  std::size_t count() const { return count_; }
  std::size_t context() const { return context_; }
  std::size_t first() const { return context_ / 2; }                  ///< the first scored row of a chunk
  std::size_t scored() const { return context_ - 1 - first(); }       ///< rows of a chunk that are scored
  std::size_t text_tokens() const { return text_tokens_; }            ///< of the whole text
  std::span<const tokenizer::Token> tokens(std::size_t chunk) const;  ///< as the text has them
  /// Token `position` of the chunk as the model gets it: BOS in the first place, where the vocabulary asks for it.
  tokenizer::Token input(std::size_t chunk, std::size_t position) const;

 private:
  std::size_t context_;
  std::size_t text_tokens_ = 0;
  std::size_t count_ = 0;
  std::optional<tokenizer::Token> bos_;
  std::vector<tokenizer::Token> tokens_;
};

/// Runs the chunks of a text through one engine, some rows at a time, so that few rows of logits exist at once.
class ChunkRunner {
 public:
  /// Both must outlive the result. The engine's context must hold a chunk.
  ChunkRunner(engine::Engine& engine, const Chunks& chunks, std::size_t rows_at_once);
  ChunkRunner(const ChunkRunner&) = delete;
  ChunkRunner& operator=(const ChunkRunner&) = delete;
  ~ChunkRunner();

  void begin(std::size_t chunk);
  /// The logits of the next scored rows, `rows_at_once` or what is left of them. They stay until the next call. The
  /// first rows are evaluated together with what stands before them.
  engine::Rows next();
  /// A whole chunk for an observer, with logits of every token, so that all rows reach the last block.
  void observe(std::size_t chunk, engine::Observer& observer);
  /// Scored rows of this chunk that next() has given.
  std::size_t scored() const { return std::max(position_, chunks_.first()) - chunks_.first(); }

 private:
  /// The tokens up to position `end`; those from `logits_from` on with logits.
  void evaluate(std::size_t end, std::size_t logits_from, engine::Observer* observer = nullptr);

  engine::Engine& engine_;
  const Chunks& chunks_;
  std::size_t rows_at_once_;
  engine::SequenceId sequence_;
  std::size_t chunk_ = 0;
  std::size_t position_ = 0;
};

/// As many rows of logits as fit into 64 MiB, between 16 and 256.
std::size_t rows_within_memory(std::size_t vocabulary);

/// The error for logits that are not finite, `position` tokens into a chunk.
Error not_finite_error(std::size_t chunk, std::size_t position);

}  // namespace assay::compare
