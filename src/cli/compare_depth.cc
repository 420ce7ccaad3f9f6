#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/progress.h"
#include "cli/compare.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "compare/culprits.h"
#include "compare/depth.h"

namespace assay::cli {
namespace {

/// The first tokens of the text, chunk by chunk; those of the prompt when there is no text.
std::vector<std::vector<std::int32_t>> drift_texts(const CompareRun& run) {
  std::size_t left = run.options.drift_tokens;
  std::vector<std::vector<std::int32_t>> texts;
  if (!run.chunks) {
    texts.push_back(run.prompt_tokens);
    texts.back().resize(std::min(left, texts.back().size()));
    return texts;
  }
  for (std::size_t chunk = 0; chunk < run.chunks->count() && left > 0; ++chunk) {
    const std::size_t count = std::min(left, run.chunks->context());
    std::vector<std::int32_t>& text = texts.emplace_back();
    for (std::size_t position = 0; position < count; ++position) text.push_back(run.chunks->input(chunk, position));
    left -= count;
  }
  return texts;
}

}  // namespace

std::optional<compare::PlanPair> pair_with(const CompareRun& run, std::size_t candidate) {
  try {
    return compare::PlanPair(run.reference.model.plan, run.candidates[candidate].model.plan, run.options.models.front(),
                             run.options.models[candidate + 1]);
  } catch (const Error& error) {
    print_note(fmt::format("{}; there is no drift and no attribution", error.what()));
    return std::nullopt;
  }
}

void compare_depth(CompareRun& run) {
  compare::DepthRequest request;
  request.engine = run.options.engine.engine;
  request.options = engine_options(run.options.engine);
  request.texts = drift_texts(run);
  std::size_t tokens = 0;
  for (const auto& text : request.texts) tokens += text.size();
  if (tokens == 0) return;
  const InterruptGuard guard;
  Progress progress("drift", tokens * run.candidates.size(), Progress::Unit::items);
  for (std::size_t i = 0; i < run.candidates.size(); ++i) {
    const auto pair = pair_with(run, i);
    if (!pair) continue;
    request.on_progress = [&](std::size_t done) {
      progress.update(i * tokens + done);
      guard.throw_if_interrupted();
    };
    compare::Depth depth = compare::compare_depth(*pair, request);
    run.comparison.candidates[i].taps = std::move(depth.taps);
    run.comparison.candidates[i].growth = std::move(depth.growth);
  }
}

void find_culprits(CompareRun& run) {
  // Every group of tensors is a run over these chunks.
  constexpr std::size_t kChunks = 2;
  const compare::Chunks chunks = run.chunks->head(kChunks);
  const InterruptGuard guard;
  for (std::size_t i = 0; i < run.candidates.size(); ++i) {
    if (!run.comparison.candidates[i].text) continue;  // its logits are not finite
    const auto pair = pair_with(run, i);
    if (!pair) continue;
    Progress progress(fmt::format("culprits of {}", run.options.models[i + 1]), 0, Progress::Unit::items);
    compare::CulpritRequest request;
    request.engine = run.options.engine.engine;
    request.options = engine_options(run.options.engine);
    request.chunks = &chunks;
    request.on_run = [&](std::size_t done, std::size_t total) {
      progress.update(done, fmt::format("of {} runs", total));
      guard.throw_if_interrupted();
    };
    compare::Culprits found = compare::find_culprits(*pair, request);
    run.comparison.candidates[i].culprits = std::move(found.groups);
    run.comparison.candidates[i].culprits_kl = found.kl;
    run.comparison.candidates[i].culprits_chunks = chunks.count();
  }
}

}  // namespace assay::cli
