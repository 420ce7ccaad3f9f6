#include "cli/session.h"

#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/progress.h"
#include "cli/model_argument.h"
#include "cli/terminal.h"
#include "model/weight_health.h"

namespace assay::cli {
namespace {

double rate(std::size_t tokens, double seconds) { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }

bool is_any_non_finite(const engine::Rows& rows) {
  for (std::size_t row = 0; row < rows.count; ++row) {
    for (std::size_t channel = 0; channel < rows.width; ++channel) {
      if (!std::isfinite(rows.at(row, channel))) return true;
    }
  }
  return false;
}

}  // namespace

void add_engine_options(CommandLine& line, EngineArguments& arguments) {
  add_model_argument(line, arguments.model);
  line.add_option("--ctx", arguments.context, "Positions the context holds; 0: as many as the model was trained for")
      .between(0, 1 << 30);
  add_arithmetic_options(line, arguments);
}

void add_arithmetic_options(CommandLine& line, EngineArguments& arguments) {
  line.add_option("--engine", arguments.engine, "fast (specified bits) or oracle (exact, float64)")
      .one_of({"fast", "oracle"})
      .show_default();
  line.add_option("--cache", arguments.cache, "How the fast engine keeps keys and values: f32 or f16")
      .one_of({"f32", "f16"})
      .show_default();
  line.add_option("--precision", arguments.precision,
                  "The oracle's arithmetic by step: attention=f64,*.q=f64,default=f32 (docs/precision.md)");
  line.add_threads(arguments.threads, "0: all cores; never changes the result");
}

void add_sampler_options(CommandLine& line, engine::SamplerOptions& options) {
  options.temperature = 0.7;
  options.top_k = 40;
  options.top_p = 0.95;
  const auto add = [&](const char* name, auto& value, const char* help) {
    line.add_option(name, value, help).show_default().group("Sampling");
  };
  add("--temp", options.temperature, "Temperature; 0: always the most likely token");
  add("--top-k", options.top_k, "Only the k most likely tokens; 0: all");
  add("--top-p", options.top_p, "Only the most likely tokens that make up p together; 1: all");
  add("--min-p", options.min_p, "Only tokens with p times the chance of the most likely one; 0: all");
  add("--repeat-penalty", options.repetition_penalty, "Divides the logit of a token that was said before; 1: off");
  add("--frequency-penalty", options.frequency_penalty, "Taken from a logit for every time it was said");
  add("--presence-penalty", options.presence_penalty, "Taken once from the logit of a token that was said");
  add("--repeat-last-n", options.penalty_window, "How many of the last tokens the penalties see");
  add("--seed", options.seed, "The same seed gives the same text, on every machine");
}

void add_length_option(CommandLine& line, long long& max_tokens) {
  line.add_option("-n,--tokens", max_tokens, "At most so many tokens; -1: until the model ends or the context is full")
      .show_default();
}

std::optional<std::size_t> length_limit(long long max_tokens) {
  if (max_tokens < -1) {
    throw Error(ErrorKind::usage, fmt::format("-n {}: the number of tokens cannot be negative", max_tokens),
                "-n -1 means: until the model ends or the context is full.");
  }
  if (max_tokens == -1) return std::nullopt;
  return static_cast<std::size_t>(max_tokens);
}

engine::EngineOptions engine_options(const EngineArguments& arguments) {
  engine::EngineOptions options;
  options.threads = arguments.threads;
  options.context_length = arguments.context;
  options.cache = arguments.cache == "f16" ? engine::CacheType::f16 : engine::CacheType::f32;
  if (!arguments.precision.empty()) options.precision = engine::PrecisionPolicy::parse(arguments.precision);
  return options;
}

std::unique_ptr<Session> open_session(const EngineArguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  auto session = std::make_unique<Session>(
      Session{model::load_model(open_model_file(arguments.model), arguments.context), {}, {}});
  for (const std::string& warning : session->model.warnings) print_note(warning);
  session->tokenizer = tokenizer::Tokenizer::from_gguf(session->model.file);
  session->engine = engine::make_engine(arguments.engine, session->model.plan, engine_options(arguments));
  session->sequence = session->engine->add_sequence();
  session->load_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return session;
}

engine::Generation generate(Session& session, engine::Sampler& sampler, engine::GenerateRequest request) {
  request.sequence = session.sequence;
  Progress progress("prompt", request.prompt.size(), Progress::Unit::items);
  const auto on_prompt = std::move(request.on_prompt);
  request.on_prompt = [&](std::size_t done, std::size_t total) {
    progress.update(done);
    return !on_prompt || on_prompt(done, total);
  };
  try {
    return engine::generate(*session.engine, sampler, request);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input || !is_any_non_finite(session.engine->logits())) throw;
    const auto weight = model::find_non_finite_weight(session.model.plan);
    if (!weight) throw;
    throw Error(ErrorKind::input, fmt::format("{}: {}", session.model.file.name(), *weight),
                "The file is damaged or was converted badly; `assay inspect MODEL --stats` shows all such tensors.");
  }
}

nlohmann::ordered_json to_json(const engine::Timing& timing, double load_s) {
  return {{"load_s", load_s},
          {"prompt_tokens", timing.prompt_tokens},
          {"prompt_s", timing.prompt_s},
          {"prompt_tokens_per_s", rate(timing.prompt_tokens, timing.prompt_s)},
          {"decode_tokens", timing.decode_tokens},
          {"decode_s", timing.decode_s},
          {"decode_tokens_per_s", rate(timing.decode_tokens, timing.decode_s)}};
}

std::string describe(const engine::Timing& timing) {
  return fmt::format("{} prompt tokens, {:.1f} a second; {} tokens, {:.1f} a second", timing.prompt_tokens,
                     rate(timing.prompt_tokens, timing.prompt_s), timing.decode_tokens,
                     rate(timing.decode_tokens, timing.decode_s));
}

}  // namespace assay::cli
