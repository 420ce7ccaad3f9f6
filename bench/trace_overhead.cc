// trace_overhead MODEL PROMPT_TOKENS DECODE_TOKENS [ROUNDS [THREADS]]: what statistics of every value cost the fast
// engine. Runs without and with them in turns, and prints medians and the ratio of neighbouring runs.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/engine.h"
#include "model/model.h"
#include "trace/recorder.h"
#include "trace/tap_pattern.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace)

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

struct Times {
  double prompt_s;
  double decode_s;
  double cpu_s;  ///< of both, all threads: says more than the clock where other programs run
};

/// The same evaluations in both cases: logits of every token, since their statistics are wanted.
Times measure(engine::Engine& engine, engine::Observer* observer, std::size_t prompt_tokens,
              std::size_t decode_tokens) {
  const engine::SequenceId sequence = engine.add_sequence();
  const auto token = [&](std::size_t i) {
    return engine::TokenInput{static_cast<std::int32_t>(i * 7 % 1000 + 3), sequence, true};
  };
  std::vector<engine::TokenInput> prompt;
  for (std::size_t i = 0; i < prompt_tokens; ++i) prompt.push_back(token(i));
  const std::clock_t cpu_start = std::clock();
  const auto prompt_start = std::chrono::steady_clock::now();
  engine.evaluate(prompt, observer);
  const double prompt_s = seconds_since(prompt_start);
  const auto decode_start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < decode_tokens; ++i) {
    const engine::TokenInput next = token(prompt_tokens + i);
    engine.evaluate({&next, 1}, observer);
  }
  const double decode_s = seconds_since(decode_start);
  const double cpu_s = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  engine.remove_sequence(sequence);
  return {prompt_s, decode_s, cpu_s};
}

void compare(const std::string& path, std::size_t prompt_tokens, std::size_t decode_tokens, int rounds, int threads) {
  const model::Model model = model::load_model(gguf::File::open(path));
  engine::EngineOptions options;
  options.threads = threads;
  const auto engine = engine::make_fast(model.plan, options);
  measure(*engine, nullptr, prompt_tokens, 2);  // maps the file, and takes the memory
  std::vector<double> plain[4];
  std::vector<double> ratio[4];
  for (int round = 0; round < rounds; ++round) {
    const Times without = measure(*engine, nullptr, prompt_tokens, decode_tokens);
    trace::Recorder recorder(model.plan, trace::choose_taps(model.plan, "*"), trace::Content::statistics);
    const Times with = measure(*engine, &recorder, prompt_tokens, decode_tokens);
    const double a[] = {without.prompt_s, without.decode_s, without.prompt_s + without.decode_s, without.cpu_s};
    const double b[] = {with.prompt_s, with.decode_s, with.prompt_s + with.decode_s, with.cpu_s};
    for (int i = 0; i < 4; ++i) {
      plain[i].push_back(a[i]);
      ratio[i].push_back(b[i] / a[i]);
    }
  }
  fmt::print("{}, {} rounds in turns\n", engine->description(), rounds);
  const char* names[] = {"prompt", "decode", "both", "CPU"};
  for (int i = 0; i < 4; ++i) {
    fmt::print("{:<7} without {:.3f} s; with statistics of every value {:.3f} times that ({:.3f} to {:.3f})\n",
               names[i], median(plain[i]), median(ratio[i]), *std::min_element(ratio[i].begin(), ratio[i].end()),
               *std::max_element(ratio[i].begin(), ratio[i].end()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: trace_overhead MODEL PROMPT_TOKENS DECODE_TOKENS [ROUNDS [THREADS]]\n";
    return 2;
  }
  try {
    compare(argv[1], std::stoul(argv[2]), std::stoul(argv[3]), argc > 4 ? std::stoi(argv[4]) : 7,
            argc > 5 ? std::stoi(argv[5]) : 0);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
  return 0;
}
