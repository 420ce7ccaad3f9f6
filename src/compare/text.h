// Models side by side on a text, in one process: every model evaluates the same few tokens, their rows of logits are
// compared and forgotten. What stays is a handful of numbers a position.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compare/chunks.h"
#include "compare/comparison.h"
#include "engine/engine.h"
#include "model/plan.h"
#include "tokenizer/tokenizer.h"

namespace assay::compare {

struct TextRequest {
  std::string engine = "fast";
  engine::EngineOptions options;  ///< its context_length is set to a chunk's
  const Chunks* chunks = nullptr;
  const model::Plan* reference = nullptr;
  std::vector<const model::Plan*> candidates;
  bool keep_positions = false;
  /// After every chunk, with the mean KL of each candidate so far; may be empty. What it throws ends the comparison.
  std::function<void(std::size_t chunks_done, std::span<const double> mean_kl)> on_chunk;
};

struct CandidateText {
  std::string
      failure;  ///< where its logits are not finite, and which weight; it was not run beyond, nothing else is set
  TextResult result;
  std::vector<TextPosition> positions;  ///< empty without keep_positions
};

struct TextComparison {
  std::string engine;                            ///< Engine::description()
  std::optional<Estimate> reference_perplexity;  ///< none when every candidate failed: the run ends there
  std::vector<CandidateText> candidates;
};

/// A candidate whose logits are not finite fails alone. Throws Error{input} when those of the reference are not, or a
/// vocabulary has another size than the reference's. No figure depends on the threads.
TextComparison compare_text(const TextRequest& request);

/// Throws Error{input} that names the first difference when the two do not have the same tokens, or cut `text`
/// differently: logits can only be compared over the same vocabulary and the same ids. `tokens` are the reference's, by
/// encode_text().
void check_same_tokenizer(const tokenizer::Tokenizer& reference, const tokenizer::Tokenizer& candidate,
                          const std::string& candidate_name, std::string_view text,
                          std::span<const tokenizer::Token> tokens);

}  // namespace assay::compare
