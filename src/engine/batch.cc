#include "engine/batch.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/threads.h"
#include "model/hyper_parameters.h"

namespace assay::engine {

int resolve_threads(const EngineOptions& options) {
  if (options.threads < 0) throw Error(ErrorKind::usage, fmt::format("{} threads make no sense", options.threads));
  return options.threads == 0 ? available_threads() : options.threads;
}

std::size_t resolve_context_length(const EngineOptions& options, const model::Plan& plan) {
  if (options.context_length > model::kMaxContextLength) {
    throw Error(ErrorKind::usage, fmt::format("a context of {} positions is more than the {} that can be computed",
                                              options.context_length, model::kMaxContextLength));
  }
  if (plan.context_limit != 0 && options.context_length > plan.context_limit) {
    throw Error(
        ErrorKind::usage,
        fmt::format("a context of {} positions, but the model was loaded for up to {}, with other rotary factors",
                    options.context_length, plan.context_limit),
        fmt::format("Say with --ctx how long the context is: {} or more.", options.context_length));
  }
  return options.context_length == 0 ? plan.context_length : options.context_length;
}

Batch check_batch(std::span<const TokenInput> tokens, const std::map<SequenceId, std::size_t>& lengths,
                  std::size_t vocabulary, std::size_t context_length) {
  Batch batch;
  batch.tokens = tokens;
  batch.positions.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const TokenInput& input = tokens[i];
    if (input.token < 0 || static_cast<std::size_t>(input.token) >= vocabulary) {
      throw Error(ErrorKind::usage, fmt::format("token {} is outside the vocabulary of {}", input.token, vocabulary));
    }
    const auto held = lengths.find(input.sequence);
    if (held == lengths.end()) throw Error(ErrorKind::usage, fmt::format("there is no sequence {}", input.sequence));
    std::size_t& length = batch.lengths.try_emplace(input.sequence, held->second).first->second;
    batch.positions.push_back(length++);
    if (input.wants_logits) batch.outputs.push_back(i);
  }
  for (const auto& [sequence, length] : batch.lengths) {
    if (length <= context_length) continue;
    const std::size_t held = lengths.at(sequence);
    throw Error(ErrorKind::usage,
                fmt::format("sequence {} holds {} positions, and {} more pass its context of {}", sequence, held,
                            length - held, context_length),
                "Use a longer context (--ctx), or a shorter text.");
  }
  return batch;
}

ValueSlots assign_slots(const model::Plan& plan) {
  std::vector<std::size_t> last_use(plan.values.size(), 0);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    for (const model::ValueId input : plan.steps[i].inputs) last_use[static_cast<std::size_t>(input)] = i;
  }
  ValueSlots result;
  result.slot_of.resize(plan.values.size());
  std::vector<bool> taken;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const model::Step& step = plan.steps[i];
    const std::size_t width = plan.values[static_cast<std::size_t>(step.output)].width;
    std::size_t slot = 0;
    while (slot < taken.size() &&
           (taken[slot] || result.slots[slot].width != width || result.slots[slot].only_outputs != step.only_outputs ||
            step.output == plan.logits)) {
      ++slot;
    }
    if (slot == taken.size()) {
      taken.push_back(true);
      result.slots.push_back({width, step.only_outputs});
    }
    taken[slot] = true;
    result.slot_of[static_cast<std::size_t>(step.output)] = slot;
    for (const model::ValueId input : step.inputs) {
      if (last_use[static_cast<std::size_t>(input)] == i)
        taken[result.slot_of[static_cast<std::size_t>(input)]] = false;
    }
  }
  return result;
}

}  // namespace assay::engine
