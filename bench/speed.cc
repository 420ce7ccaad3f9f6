// speed MODEL CONTEXT THREADS [f32|f16]: the fast engine held open for peers.py, which asks line by line; what it asks
// and what is answered stands in engines/protocol.py.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <exception>
#include <fstream>
#include <iostream>
#include <limits>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/generate.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace)

constexpr std::size_t kFirstPrompt = 8;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::int32_t token(std::size_t i) { return static_cast<std::int32_t>(i * 7 % 500 + 3); }

/// A field of /proc/self/status, which is in kB.
std::uint64_t status_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::uint64_t kilobytes = 0;
  while (status >> word) {
    if (word == field + ":" && status >> kilobytes) return kilobytes * 1024;
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

void say(const std::string& line) { std::cout << line << std::endl; }

struct Times {
  double wall_s;
  double cpu_s;  ///< of all threads
};

/// Tokens 0, 1, ... behind what the sequence holds, in pieces as generation evaluates them.
Times evaluate(engine::Engine& engine, engine::SequenceId sequence, std::size_t count, bool one_by_one) {
  const std::size_t piece = one_by_one ? 1 : engine::GenerateRequest{}.prompt_piece;
  std::vector<engine::TokenInput> tokens;
  for (std::size_t i = 0; i < count; ++i) tokens.push_back({token(i), sequence, one_by_one || i + 1 == count});
  const std::span<const engine::TokenInput> all = tokens;
  const std::clock_t cpu_start = std::clock();
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < count; i += piece) engine.evaluate(all.subspan(i, std::min(piece, count - i)));
  return {seconds_since(start), static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC};
}

void serve(const std::string& path, const engine::EngineOptions& options) {
  const std::uint64_t resident_before = status_bytes("VmRSS");
  const auto start = std::chrono::steady_clock::now();
  const model::Model model = model::load_model(gguf::File::open(path));
  const auto tokenizer = tokenizer::Tokenizer::from_gguf(model.file);
  const auto engine = engine::make_fast(model.plan, options);
  const engine::SequenceId sequence = engine->add_sequence();
  const double load_s = seconds_since(start);
  evaluate(*engine, sequence, kFirstPrompt, false);
  say(fmt::format(R"({{"engine": "Assay, {}", "load_s": {}, "first_token_s": {}}})", engine->description(), load_s,
                  seconds_since(start)));

  engine::SequenceId kept = sequence;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what;
    std::size_t count = 0;
    std::size_t depth = 0;
    words >> what >> count >> depth;
    if (what == "memory") {
      say(fmt::format(R"({{"bytes": {}}})", status_bytes("VmHWM") - resident_before));
      continue;
    }
    if (what == "fill") kept = engine->add_sequence();
    const engine::SequenceId used = what == "fill" || depth > 0 ? kept : sequence;
    engine->truncate(used, depth);
    const Times times = evaluate(*engine, used, count, what == "decode");
    say(fmt::format(R"({{"wall": {}, "cpu": {}}})", times.wall_s, times.cpu_s));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: speed MODEL CONTEXT THREADS [f32|f16]\n";
    return 2;
  }
  try {
    engine::EngineOptions options;
    options.context_length = std::stoul(argv[2]);
    options.threads = std::stoi(argv[3]);
    if (argc > 4 && std::string(argv[4]) == "f16") options.cache = engine::CacheType::f16;
    serve(argv[1], options);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
  return 0;
}
