// What to run another engine on: prompts whose tokens make mistakes show. One token at position 0 hides rotation, mask,
// cache and head grouping; text that never repeats itself hides positions; a short one hides what happens at the
// borders of batches and behind a window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/plan.h"
#include "tokenizer/tokenizer.h"

namespace assay::diagnose {

struct Probe {
  std::string name;  ///< "short", "long"
  std::string text;  ///< gives `prompt` by the model's tokenizer; empty where ids were chosen without one
  std::vector<std::int32_t> prompt;  ///< with BOS where the vocabulary adds it, and never that alone
  std::size_t decode_steps = 0;      ///< to run after it, token by token
  std::vector<std::string> exposes;  ///< mistakes that show with it, in words
  std::vector<std::string> hides;    ///< what it is too short for
};

struct ProbeLimits {
  std::size_t context = 0;      ///< positions that may be used
  std::size_t long_prompt = 0;  ///< tokens of the long prompt; 0: across 64, and past a window that is not too far
};

/// A first look of some 12 tokens, and one across the usual sizes of batches; the second is left out where the context
/// has no room for more than the first. Throws Error{usage} when not even two tokens and a step fit.
std::vector<Probe> choose_probes(const model::Plan& plan, const tokenizer::Tokenizer& tokenizer,
                                 const ProbeLimits& limits);

}  // namespace assay::diagnose
