// assay bench: speed of one model on this machine, and the share of the memory bandwidth that decoding uses.

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/threads.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/memory_bandwidth.h"
#include "cli/session.h"
#include "cli/terminal.h"

namespace assay::cli {
namespace {

constexpr std::size_t kShortPrompt = 8;

struct Options {
  EngineArguments engine;
  std::size_t prompt_tokens = 512;
  std::size_t decode_tokens = 64;
  int repeats = 5;
  bool json = false;
};

struct Series {
  std::vector<double> per_s;

  double quantile(double q) const {
    std::vector<double> sorted = per_s;
    std::sort(sorted.begin(), sorted.end());
    const double place = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
  }
  nlohmann::ordered_json to_json(std::size_t tokens) const {
    return {
        {"tokens", tokens}, {"median_per_s", quantile(0.5)}, {"min_per_s", quantile(0)}, {"max_per_s", quantile(1)}};
  }
};

/// What decoding one token reads of the weights: every matrix once, and one row of the embedding (which counts in full
/// where it is the output matrix too).
std::uint64_t weight_bytes_per_token(const model::Plan& plan) {
  std::set<model::WeightId> whole;
  std::uint64_t bytes = 0;
  for (const model::Step& step : plan.steps) {
    if (const auto* linear = std::get_if<model::Linear>(&step.operation)) {
      whole.insert(linear->weight);
      if (linear->bias != model::kNoWeight) whole.insert(linear->bias);
    } else if (const auto* norm = std::get_if<model::RmsNorm>(&step.operation)) {
      whole.insert(norm->weight);
    } else if (const auto* embed = std::get_if<model::Embed>(&step.operation)) {
      bytes += plan.weights[static_cast<std::size_t>(embed->table)]->row_bytes();
    }
  }
  for (const model::WeightId weight : whole) bytes += plan.weights[static_cast<std::size_t>(weight)]->data.size();
  return bytes;
}

/// Keys and values that decoding reads a token, in the middle of the measured stretch.
std::uint64_t cache_bytes_per_token(const model::Plan& plan, const Options& options) {
  const std::size_t element_bytes = options.engine.engine == "oracle" ? 8 : options.engine.cache == "f16" ? 2 : 4;
  return plan.layers * plan.kv_width * 2 * element_bytes * (kShortPrompt + options.decode_tokens / 2);
}

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options), session_(open_session(options.engine)) {
    const std::size_t context = session_->engine->context_length();
    const std::size_t needed = std::max(options.prompt_tokens, kShortPrompt + options.decode_tokens);
    if (needed > context) {
      throw Error(ErrorKind::usage, fmt::format("{} tokens do not fit into the context of {}", needed, context),
                  "Use smaller --prompt-tokens and --decode-tokens.");
    }
  }

  int run() {
    {
      Progress progress("bench", static_cast<std::uint64_t>(options_.repeats) + 1, Progress::Unit::items);
      measure_prompt();  // the first run of each is to warm up
      measure_decode();
      for (int i = 0; i < options_.repeats; ++i) {
        progress.update(static_cast<std::uint64_t>(i) + 1);
        prompt_.per_s.push_back(measure_prompt());
        decode_.per_s.push_back(measure_decode());
      }
    }
    const std::uint64_t peak_bytes = peak_memory_bytes();
    const int threads = options_.engine.threads > 0 ? options_.engine.threads : available_threads();
    const double bandwidth = measure_read_bandwidth(threads);
    report(threads, peak_bytes, bandwidth);
    return 0;
  }

 private:
  /// Some valid tokens; speed does not depend on which.
  std::int32_t token(std::size_t index) const {
    return static_cast<std::int32_t>((index * 7919 + 13) % session_->model.plan.vocabulary);
  }

  void evaluate(std::span<const engine::TokenInput> batch) {
    guard_.throw_if_interrupted();
    session_->engine->evaluate(batch);
  }

  void evaluate_prompt(std::size_t count) {
    session_->engine->truncate(session_->sequence, 0);
    std::vector<engine::TokenInput> batch;
    for (std::size_t i = 0; i < count; ++i) batch.push_back({token(i), session_->sequence, i + 1 == count});
    evaluate(batch);
  }

  double measure_prompt() {
    if (options_.prompt_tokens == 0) return 0;
    const auto start = std::chrono::steady_clock::now();
    evaluate_prompt(options_.prompt_tokens);
    return static_cast<double>(options_.prompt_tokens) / seconds_since(start);
  }

  double measure_decode() {
    if (options_.decode_tokens == 0) return 0;
    evaluate_prompt(kShortPrompt);
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < options_.decode_tokens; ++i) {
      const engine::TokenInput input = {token(kShortPrompt + i), session_->sequence, true};
      evaluate({&input, 1});
    }
    return static_cast<double>(options_.decode_tokens) / seconds_since(start);
  }

  static double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  void report(int threads, std::uint64_t peak_bytes, double bandwidth) const {
    const std::uint64_t bytes =
        weight_bytes_per_token(session_->model.plan) + cache_bytes_per_token(session_->model.plan, options_);
    const double bytes_per_s = static_cast<double>(bytes) * decode_.quantile(0.5);
    if (options_.json) {
      print_json({{"version", 1},
                  {"model", session_->model.file.name()},
                  {"size_bytes", session_->model.file.size_bytes()},
                  {"engine", session_->engine->description()},
                  {"threads", threads},
                  {"repeats", options_.repeats},
                  {"load_s", session_->load_s},
                  {"prompt", prompt_.to_json(options_.prompt_tokens)},
                  {"decode", decode_.to_json(options_.decode_tokens)},
                  {"bytes_per_decode_token", bytes},
                  {"decode_bytes_per_s", bytes_per_s},
                  {"memory_bytes_per_s", bandwidth},
                  {"share_of_memory_bandwidth", bytes_per_s / bandwidth},
                  {"peak_memory_bytes", peak_bytes}});
      return;
    }
    const auto speed = [](const Series& series) {
      return fmt::format("{:.1f} tokens/s (median; {:.1f} to {:.1f})", series.quantile(0.5), series.quantile(0),
                         series.quantile(1));
    };
    const auto line = [](std::string_view name, const std::string& text) {
      const Style& style = style_of(stdout);
      print_text(fmt::format("{}{:<12}{} {}\n", style.bold, name, style.reset, text));
    };
    line("model", fmt::format("{}, {}", session_->model.file.name(), human_bytes(session_->model.file.size_bytes())));
    line("engine", session_->engine->description());
    line("load", fmt::format("{:.3f} s", session_->load_s));
    line(fmt::format("prompt {}", options_.prompt_tokens), speed(prompt_));
    line(fmt::format("decode {}", options_.decode_tokens), speed(decode_));
    line("reads", fmt::format("{} a token, {}/s: {:.0f} % of the {}/s that memory gave in this run", human_bytes(bytes),
                              human_bytes(static_cast<std::uint64_t>(bytes_per_s)), 100 * bytes_per_s / bandwidth,
                              human_bytes(static_cast<std::uint64_t>(bandwidth))));
    line("peak memory", human_bytes(peak_bytes));
  }

  const Options& options_;
  InterruptGuard guard_;
  std::unique_ptr<Session> session_;
  Series prompt_;
  Series decode_;
};

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_engine_options(app, options->engine);
  app.add_option("--prompt-tokens", options->prompt_tokens, "Length of the prompt")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  app.add_option("--decode-tokens", options->decode_tokens, "Tokens decoded after a short prompt")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  app.add_option("--repeats", options->repeats, "Measurements of each")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_flag("--json", options->json, "The result as JSON");
  return [options] { return Bench(*options).run(); };
}

}  // namespace

extern const Command kBench = {"bench", "Measure speed on this machine",
                               "  assay bench smollm2\n"
                               "  assay bench model.gguf --prompt-tokens 128 --threads 1 --json",
                               setup};

}  // namespace assay::cli
