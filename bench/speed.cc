// speed MODEL PROMPT_TOKENS DECODE_TOKENS [THREADS]: prints prompt and decode speed of the fast engine as JSON, for
// peers.py.
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/generate.h"
#include "model/model.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace)

engine::Timing measure(engine::Engine& engine, std::size_t prompt_tokens, std::size_t decode_tokens) {
  engine::GenerateRequest request;
  request.sequence = engine.add_sequence();
  request.prompt_piece = prompt_tokens;
  request.max_tokens = decode_tokens + 1;
  for (std::size_t i = 0; i < prompt_tokens; ++i) request.prompt.push_back(static_cast<std::int32_t>(i * 7 % 1000 + 3));
  engine::Sampler sampler({});
  const engine::Timing timing = engine::generate(engine, sampler, request).timing;
  engine.remove_sequence(request.sequence);
  return timing;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: speed MODEL PROMPT_TOKENS DECODE_TOKENS [THREADS]\n";
    return 2;
  }
  try {
    const model::Model model = model::load_model(gguf::File::open(argv[1]));
    engine::EngineOptions options;
    if (argc > 4) options.threads = std::stoi(argv[4]);
    const auto engine = engine::make_fast(model.plan, options);
    measure(*engine, 8, 2);  // maps the file
    const engine::Timing prompt = measure(*engine, std::stoul(argv[2]), 0);
    const engine::Timing decode = measure(*engine, 1, std::stoul(argv[3]));
    fmt::print("{{\"engine\": \"{}\", \"prompt\": {:.2f}, \"decode\": {:.2f}}}\n", engine->description(),
               static_cast<double>(prompt.prompt_tokens) / prompt.prompt_s,
               static_cast<double>(decode.decode_tokens) / decode.decode_s);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
  return 0;
}
