// A model made ready to generate: file, plan, tokenizer, engine and one sequence, with the options that `run`, `chat`
// and `bench` share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/command_line.h"
#include "engine/engine.h"
#include "engine/generate.h"
#include "engine/sampler.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace assay::cli {

struct EngineArguments {
  std::string model;
  std::string engine = "fast";
  std::string cache = "f32";
  std::string precision;  ///< empty: float64 everywhere
  int threads = 0;
  std::size_t context = 0;
};
/// Declares the model, --ctx and add_arithmetic_options().
void add_engine_options(CommandLine& line, EngineArguments& arguments);
/// Declares --engine, --cache, --precision, --threads.
void add_arithmetic_options(CommandLine& line, EngineArguments& arguments);
/// Throws Error{usage} for a precision that cannot be read.
engine::EngineOptions engine_options(const EngineArguments& arguments);

/// Declares --temp, --top-k, ..., --seed.
void add_sampler_options(CommandLine& line, engine::SamplerOptions& options);

/// Declares -n. -1 stands for no limit; other negative numbers are refused.
void add_length_option(CommandLine& line, long long& max_tokens);
std::optional<std::size_t> length_limit(long long max_tokens);

struct Session {
  model::Model model;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer;
  std::unique_ptr<engine::Engine> engine;
  engine::SequenceId sequence = 0;
  double load_s = 0;
};

/// Prints the model's warnings on standard error. Throws what loading throws.
std::unique_ptr<Session> open_session(const EngineArguments& arguments);

/// generate() with a progress bar for a long prompt. Where the model's answer is not a number, the error names the
/// weight that is to blame.
engine::Generation generate(Session& session, engine::Sampler& sampler, engine::GenerateRequest request);

nlohmann::ordered_json to_json(const engine::Timing& timing, double load_s);
/// "12 prompt tokens, 345.2 a second; 63 tokens, 101.4 a second"
std::string describe(const engine::Timing& timing);

}  // namespace assay::cli
