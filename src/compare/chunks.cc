#include "compare/chunks.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace assay::compare {

using tokenizer::Token;

std::vector<Token> encode_text(const tokenizer::Tokenizer& tokenizer, std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return tokenizer.encode(text, {.add_special = true, .parse_special = false});
}

Chunks::Chunks(const tokenizer::Tokenizer& tokenizer, std::string_view text, std::size_t context,
               std::optional<std::size_t> limit)
    : Chunks(tokenizer, encode_text(tokenizer, text), context, limit) {}

Chunks::Chunks(const tokenizer::Tokenizer& tokenizer, std::vector<Token> text, std::size_t context,
               std::optional<std::size_t> limit)
    : context_(context), tokens_(std::move(text)) {
  constexpr std::size_t kSmallestContext = 4;  // at least one scored row
  if (context < kSmallestContext) {
    throw Error(ErrorKind::usage, fmt::format("a context of {} tokens is too short to score any", context),
                "The usual choice is 512.");
  }
  if (tokenizer.adds_eos() && !tokens_.empty() && tokens_.back() == tokenizer.eos()) tokens_.pop_back();
  if (tokenizer.adds_bos()) bos_ = tokenizer.bos();
  text_tokens_ = tokens_.size();
  count_ = text_tokens_ / context;
  if (count_ == 0) {
    throw Error(ErrorKind::input,
                fmt::format("the text has {} tokens, which do not fill a chunk of {}", text_tokens_, context),
                "Use a longer text or a smaller --ctx.");
  }
  count_ = std::min(count_, limit.value_or(count_));
  tokens_.resize(count_ * context);
}

Chunks Chunks::head(std::size_t count) const {
  Chunks first = *this;
  first.count_ = std::min(count, count_);
  first.tokens_.resize(first.count_ * context_);
  return first;
}

std::span<const Token> Chunks::tokens(std::size_t chunk) const {
  return std::span(tokens_).subspan(chunk * context_, context_);
}

Token Chunks::input(std::size_t chunk, std::size_t position) const {
  if (position == 0 && bos_) return *bos_;
  return tokens(chunk)[position];
}

ChunkRunner::ChunkRunner(engine::Engine& engine, const Chunks& chunks, std::size_t rows_at_once)
    : engine_(engine), chunks_(chunks), rows_at_once_(rows_at_once), sequence_(engine.add_sequence()) {}

ChunkRunner::~ChunkRunner() { engine_.remove_sequence(sequence_); }

void ChunkRunner::begin(std::size_t chunk) {
  engine_.truncate(sequence_, 0);
  chunk_ = chunk;
  position_ = 0;
}

engine::Rows ChunkRunner::next() {
  const std::size_t first = std::max(position_, chunks_.first());
  evaluate(std::min(first + rows_at_once_, chunks_.first() + chunks_.scored()), first);
  return engine_.logits();
}

void ChunkRunner::observe(std::size_t chunk, engine::Observer& observer) {
  begin(chunk);
  while (position_ < chunks_.context())
    evaluate(std::min(position_ + rows_at_once_, chunks_.context()), position_, &observer);
}

void ChunkRunner::evaluate(std::size_t end, std::size_t logits_from, engine::Observer* observer) {
  std::vector<engine::TokenInput> batch;
  batch.reserve(end - position_);
  for (; position_ < end; ++position_) {
    batch.push_back({chunks_.input(chunk_, position_), sequence_, position_ >= logits_from});
  }
  engine_.evaluate(batch, observer);
}

std::size_t rows_within_memory(std::size_t vocabulary) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  return std::clamp<std::size_t>(kBytes / (vocabulary * sizeof(float)), 16, 256);
}

Error not_finite_error(std::size_t chunk, std::size_t position) {
  return {ErrorKind::input, fmt::format("chunk {}, position {}: the logits are not finite", chunk + 1, position),
          "The file is damaged or was converted badly; `assay inspect MODEL --stats` shows such tensors."};
}

}  // namespace assay::compare
