// greedy MODEL ENGINE COUNT < prompts
// A prompt a line, as ids; prints the COUNT ids that follow greedily, a line each. Nothing ends a generation early.
#include <exception>
#include <iostream>
#include <sstream>
#include <string>

#include "engine/generate.h"
#include "model/model.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace)

void run(const std::string& path, const std::string& engine_name, std::size_t count) {
  const model::Model model = model::load_model(gguf::File::open(path));
  const auto engine = engine::make_engine(engine_name, model.plan, {});
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    engine::GenerateRequest request;
    request.sequence = engine->add_sequence();
    request.max_tokens = count;
    for (std::int32_t id = 0; words >> id;) request.prompt.push_back(id);
    engine::Sampler sampler({});
    const engine::Generation generation = engine::generate(*engine, sampler, request);
    for (const std::int32_t token : generation.tokens) std::cout << token << ' ';
    std::cout << '\n';
    std::cerr << engine->description() << ": " << generation.timing.prompt_tokens << " prompt tokens in "
              << generation.timing.prompt_s << " s, " << generation.timing.decode_tokens << " in "
              << generation.timing.decode_s << " s\n";
    engine->remove_sequence(request.sequence);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: greedy MODEL ENGINE COUNT < prompts\n";
    return 2;
  }
  try {
    run(argv[1], argv[2], std::stoul(argv[3]));
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
  return 0;
}
