// Models side by side on a prompt: which tokens come next with what logits, and every position where the most likely
// token is another. Behind the prompt the reference may go on greedily; the candidates are given its tokens, so that
// each position asks the same question of all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compare/comparison.h"
#include "engine/engine.h"
#include "model/plan.h"
#include "tokenizer/tokenizer.h"

namespace assay::compare {

struct PromptRequest {
  std::string engine = "fast";
  engine::EngineOptions options;     ///< a context_length of 0: what prompt and continuation need
  std::vector<std::int32_t> tokens;  ///< the prompt, at least one
  std::size_t continuation = 0;      ///< tokens the reference adds, fewer when it ends the text
  std::size_t top = 10;              ///< tokens in the table
  const tokenizer::Tokenizer* tokenizer = nullptr;
  const model::Plan* reference = nullptr;
  std::vector<const model::Plan*> candidates;
  std::function<void(std::size_t done, std::size_t total)> on_progress;  ///< of positions; may be empty
};

struct PromptComparison {
  std::string engine;                ///< Engine::description()
  std::vector<std::int32_t> tokens;  ///< the prompt and its continuation
  std::string continuation;
  std::vector<PromptResult> candidates;
};

/// Flips have no attribution yet. A candidate whose logits are not finite fails alone. Throws Error{usage} without
/// tokens, Error{input} when the reference's logits are not finite (and says where), and what engines throw.
PromptComparison compare_prompt(const PromptRequest& request);

}  // namespace assay::compare
