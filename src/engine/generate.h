// The generation loop: evaluates a prompt, then samples and evaluates token by token until something says stop. Why it
// stopped is always said.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/sampler.h"

namespace assay::engine {

enum class FinishReason {
  end_of_generation,  ///< the model said an end token; it is the last of `tokens`
  max_tokens,         ///< as many tokens as asked for
  context_full,       ///< the sequence holds context_length positions; nothing is dropped to make room
  stopped,            ///< a callback returned false
};
std::string_view name(FinishReason reason);  ///< "end_of_generation"

struct GenerateRequest {
  SequenceId sequence = 0;                ///< may already hold positions; the prompt goes behind them
  std::vector<std::int32_t> prompt;       ///< at least one token
  std::optional<std::size_t> max_tokens;  ///< of the answer; none: until another reason
  std::size_t prompt_piece = 256;         ///< prompt tokens evaluated between two calls of on_prompt

  /// Whether a token ends the generation; empty: none does. Usually Tokenizer::ends_generation.
  std::function<bool(std::int32_t)> ends_generation;
  /// Called after each piece of the prompt. Returning false stops.
  std::function<bool(std::size_t done, std::size_t total)> on_prompt;
  /// Called with every sampled token, the end token included. Returning false stops.
  std::function<bool(std::int32_t)> on_token;
};

struct Timing {
  std::size_t prompt_tokens = 0;  ///< evaluated before the first sampled one
  double prompt_s = 0;
  std::size_t decode_tokens = 0;  ///< evaluated one by one: all sampled tokens but the last
  double decode_s = 0;            ///< sampling and callbacks included
};

struct Generation {
  std::vector<std::int32_t> tokens;
  FinishReason finish = FinishReason::max_tokens;
  Timing timing;
};

/// On return the sequence holds what it held, the prompt, and all sampled tokens but the last, which nobody has
/// evaluated (with `stopped` during the prompt: the pieces done so far). The sampler accepts the prompt and every
/// sampled token. Throws Error{usage} when the prompt is empty, or does not fit into the context (the message names
/// both numbers).
Generation generate(Engine& engine, Sampler& sampler, const GenerateRequest& request);

}  // namespace assay::engine
