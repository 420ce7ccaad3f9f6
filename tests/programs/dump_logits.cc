// dump_logits MODEL ENGINE OUT.npy < sequences
// A sequence a line: "LAST id id id ...". Writes the logits of the last LAST positions of each, one row a position, as
// float32 or float64 like the engine's. ASSAY_THREADS, ASSAY_CACHE (f32, f16) and ASSAY_PRECISION
// set the options.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "model/model.h"
#include "tests/support/program.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace)

engine::EngineOptions options_from_environment() {
  engine::EngineOptions options;
  if (const char* threads = std::getenv("ASSAY_THREADS")) options.threads = std::atoi(threads);
  if (const char* cache = std::getenv("ASSAY_CACHE")) {
    options.cache = std::string(cache) == "f16" ? engine::CacheType::f16 : engine::CacheType::f32;
  }
  if (const char* policy = std::getenv("ASSAY_PRECISION")) options.precision = engine::PrecisionPolicy::parse(policy);
  return options;
}

void dump(int /*argc*/, char** argv) {
  const model::Model model = model::load_model(gguf::File::open(argv[1]));
  const auto engine = engine::make_engine(argv[2], model.plan, options_from_environment());
  std::cerr << engine->description() << "\n";
  std::string rows;
  std::size_t count = 0;
  std::size_t width = 0;
  bool is_float64 = false;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::size_t last = 0;
    words >> last;
    std::vector<engine::TokenInput> batch;
    const engine::SequenceId sequence = engine->add_sequence();
    for (std::int32_t id = 0; words >> id;) batch.push_back({id, sequence, false});
    for (std::size_t i = batch.size() - std::min(last, batch.size()); i < batch.size(); ++i)
      batch[i].wants_logits = true;
    engine->evaluate(batch);
    const engine::Rows logits = engine->logits();
    is_float64 = logits.f64 != nullptr;
    width = logits.width;
    count += logits.count;
    const std::size_t values = logits.count * logits.width;
    if (is_float64) {
      rows.append(reinterpret_cast<const char*>(logits.f64), values * sizeof(double));
    } else {
      rows.append(reinterpret_cast<const char*>(logits.f32), values * sizeof(float));
    }
    engine->remove_sequence(sequence);
  }
  test::write_npy(argv[3], is_float64 ? "<f8" : "<f4", count, width, std::as_bytes(std::span(rows)));
}

}  // namespace

int main(int argc, char** argv) {
  return test::run_program(argc, argv, 3, "dump_logits MODEL ENGINE OUT.npy < sequences", dump);
}
