#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/progress.h"
#include "cli/compare.h"
#include "cli/interrupt.h"
#include "cli/prompt.h"
#include "compare/attribution.h"
#include "compare/prompt.h"
#include "compare/text.h"

namespace assay::cli {
namespace {

/// The flips to look into: those that cost the reference most, near ties last.
std::vector<compare::Flip*> worst_flips(compare::PromptResult& result, std::size_t limit) {
  std::vector<compare::Flip*> flips;
  for (compare::Flip& flip : result.flips) flips.push_back(&flip);
  std::stable_sort(flips.begin(), flips.end(), [](const auto* a, const auto* b) {
    return a->near_tie != b->near_tie ? b->near_tie : a->reference_margin > b->reference_margin;
  });
  flips.resize(std::min(limit, flips.size()));
  return flips;
}

void attribute_flips(CompareRun& run, std::size_t candidate, const std::vector<std::int32_t>& tokens,
                     const InterruptGuard& guard) {
  std::vector<compare::Flip*> flips =
      worst_flips(*run.comparison.candidates[candidate].prompt, run.options.attributed_flips);
  if (flips.empty()) return;
  const auto pair = pair_with(run, candidate);
  if (!pair) return;
  for (std::size_t i = 0; i < flips.size(); ++i) {
    Progress progress(fmt::format("flip {} of {} of {}", i + 1, flips.size(), run.options.models[candidate + 1]), 0,
                      Progress::Unit::items);
    compare::AttributionRequest request;
    request.engine = run.options.engine.engine;
    request.options = engine_options(run.options.engine);
    request.tokens = std::span(tokens).first(flips[i]->position);
    request.reference_token = flips[i]->reference_token;
    request.on_run = [&](std::size_t done, std::size_t total) {
      progress.update(done, fmt::format("of {} runs", total));
      guard.throw_if_interrupted();
    };
    flips[i]->attribution = compare::attribute(*pair, request);
  }
}

}  // namespace

void compare_prompt(CompareRun& run) {
  const CompareOptions& options = run.options;
  check_utf8("the prompt", *options.prompt);
  const std::vector<tokenizer::Token> tokens = compare::encode_text(*run.reference.tokenizer, *options.prompt);
  for (std::size_t i = 0; i < run.candidates.size(); ++i) {
    compare::check_same_tokenizer(*run.reference.tokenizer, *run.candidates[i].tokenizer, options.models[i + 1],
                                  *options.prompt, tokens);
  }
  compare::PromptRequest request;
  request.engine = options.engine.engine;
  request.options = engine_options(run.options.engine);
  request.tokens = encode_prompt(*run.reference.tokenizer, *options.prompt, true, options.models.front());
  request.continuation = options.continuation;
  request.top = options.top;
  request.tokenizer = run.reference.tokenizer.get();
  request.reference = &run.reference.model.plan;
  for (const ComparedModel& candidate : run.candidates) request.candidates.push_back(&candidate.model.plan);
  const InterruptGuard guard;
  Progress progress("prompt", request.tokens.size() + request.continuation, Progress::Unit::items);
  request.on_progress = [&](std::size_t done, std::size_t) {
    progress.update(done);
    guard.throw_if_interrupted();
  };
  compare::PromptComparison found = compare::compare_prompt(request);
  run.prompt_tokens = std::move(found.tokens);
  run.comparison.engine = found.engine;
  run.comparison.prompt = *options.prompt;
  run.comparison.continuation = found.continuation;
  for (std::size_t i = 0; i < run.candidates.size(); ++i) {
    run.comparison.candidates[i].prompt = std::move(found.candidates[i]);
    attribute_flips(run, i, run.prompt_tokens, guard);
  }
}

}  // namespace assay::cli
