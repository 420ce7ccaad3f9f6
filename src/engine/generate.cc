#include "engine/generate.h"

#include <algorithm>
#include <chrono>
#include <span>

#include <fmt/format.h>

#include "base/error.h"

namespace assay::engine {
namespace {

class Stopwatch {
 public:
  double elapsed_s() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void check_prompt(const Engine& engine, const GenerateRequest& request) {
  if (request.prompt.empty()) {
    throw Error(ErrorKind::usage, "the prompt has no tokens", "an empty text needs at least the BOS token");
  }
  const std::size_t held = engine.length(request.sequence);
  if (request.prompt.size() > engine.context_length() - std::min(held, engine.context_length())) {
    throw Error(ErrorKind::usage,
                fmt::format("a prompt of {} tokens behind {} does not fit into the context of {}",
                            request.prompt.size(), held, engine.context_length()),
                "shorten the prompt, or ask for a larger context");
  }
}

/// False when the callback stopped it.
bool evaluate_prompt(Engine& engine, const GenerateRequest& request) {
  const std::size_t total = request.prompt.size();
  const std::size_t piece = std::max<std::size_t>(request.prompt_piece, 1);
  std::vector<TokenInput> batch;
  for (std::size_t begin = 0; begin < total; begin += piece) {
    const std::size_t end = std::min(begin + piece, total);
    batch.clear();
    for (std::size_t i = begin; i < end; ++i) batch.push_back({request.prompt[i], request.sequence, i + 1 == total});
    engine.evaluate(batch);
    if (request.on_prompt && !request.on_prompt(end, total)) return false;
  }
  return true;
}

FinishReason decode(Engine& engine, Sampler& sampler, const GenerateRequest& request, Generation& generation) {
  std::vector<std::int32_t>& tokens = generation.tokens;
  while (!request.max_tokens || tokens.size() < *request.max_tokens) {
    if (!tokens.empty()) {
      if (engine.length(request.sequence) >= engine.context_length()) return FinishReason::context_full;
      const TokenInput next{tokens.back(), request.sequence, true};
      engine.evaluate({&next, 1});
      ++generation.timing.decode_tokens;
    }
    const std::int32_t token = sampler.sample(engine.logits());
    sampler.accept(token);
    tokens.push_back(token);
    const bool goes_on = !request.on_token || request.on_token(token);
    if (request.ends_generation && request.ends_generation(token)) return FinishReason::end_of_generation;
    if (!goes_on) return FinishReason::stopped;
  }
  return FinishReason::max_tokens;
}

}  // namespace

std::string_view name(FinishReason reason) {
  switch (reason) {
    case FinishReason::end_of_generation:
      return "end_of_generation";
    case FinishReason::max_tokens:
      return "max_tokens";
    case FinishReason::context_full:
      return "context_full";
    case FinishReason::stopped:
      return "stopped";
  }
  return "";
}

Generation generate(Engine& engine, Sampler& sampler, const GenerateRequest& request) {
  check_prompt(engine, request);
  Generation generation;
  const Stopwatch prompt_watch;
  const std::size_t held = engine.length(request.sequence);
  const bool prompt_done = evaluate_prompt(engine, request);
  generation.timing.prompt_tokens = engine.length(request.sequence) - held;
  generation.timing.prompt_s = prompt_watch.elapsed_s();
  generation.finish = FinishReason::stopped;
  if (!prompt_done) return generation;
  for (const std::int32_t token : request.prompt) sampler.accept(token);

  const Stopwatch decode_watch;
  generation.finish = decode(engine, sampler, request, generation);
  generation.timing.decode_s = decode_watch.elapsed_s();
  return generation;
}

}  // namespace assay::engine
