// trace_overhead MODEL PROMPT_TOKENS DECODE_TOKENS [ROUNDS [THREADS]]: what statistics of every value cost the fast
// engine, beside a run as `assay run` does it (logits of the last token only) and beside one that makes the same values
// (logits of every token). The three take turns; medians, and ratios of neighbouring runs.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <exception>
#include <iostream>
#include <string>
#include <utility>
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

Times measure(engine::Engine& engine, bool all_logits, engine::Observer* observer, std::size_t prompt_tokens,
              std::size_t decode_tokens) {
  const engine::SequenceId sequence = engine.add_sequence();
  const auto token = [&](std::size_t i) {
    return engine::TokenInput{static_cast<std::int32_t>(i * 7 % 1000 + 3), sequence,
                              all_logits || i + 1 >= prompt_tokens};
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

void print_ratios(const char* beside, const std::vector<Times>& without, const std::vector<Times>& with) {
  const std::pair<const char*, double (*)(const Times&)> figures[] = {
      {"prompt", [](const Times& t) { return t.prompt_s; }},
      {"decode", [](const Times& t) { return t.decode_s; }},
      {"both", [](const Times& t) { return t.prompt_s + t.decode_s; }},
      {"CPU", [](const Times& t) { return t.cpu_s; }}};
  for (const auto& [name, figure] : figures) {
    std::vector<double> seconds;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < with.size(); ++i) {
      seconds.push_back(figure(without[i]));
      ratios.push_back(figure(with[i]) / seconds.back());
    }
    const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
    fmt::print("{:<23} {:<6} {:.3f} s without, {:.3f} times that with ({:.3f} to {:.3f})\n", beside, name,
               median(seconds), median(ratios), *least, *most);
  }
}

void compare(const std::string& path, std::size_t prompt_tokens, std::size_t decode_tokens, int rounds, int threads) {
  const model::Model model = model::load_model(gguf::File::open(path));
  engine::EngineOptions options;
  options.threads = threads;
  const auto engine = engine::make_fast(model.plan, options);
  measure(*engine, true, nullptr, prompt_tokens, 2);  // maps the file, and takes the memory
  std::vector<Times> run;
  std::vector<Times> same;
  std::vector<Times> traced;
  for (int round = 0; round < rounds; ++round) {
    run.push_back(measure(*engine, false, nullptr, prompt_tokens, decode_tokens));
    same.push_back(measure(*engine, true, nullptr, prompt_tokens, decode_tokens));
    trace::Recorder recorder(model.plan, trace::choose_taps(model.plan, "*"), trace::Content::statistics);
    traced.push_back(measure(*engine, true, &recorder, prompt_tokens, decode_tokens));
  }
  fmt::print("{}, {} rounds in turns; statistics of every value\n", engine->description(), rounds);
  print_ratios("beside a run", run, traced);
  print_ratios("beside the same values", same, traced);
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
