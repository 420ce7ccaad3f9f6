// dump_taps MODEL ENGINE OUTDIR ID...: evaluates the tokens in one batch, with logits for all of them, and writes every
// tap as OUTDIR/<tap>.npy, float64 [tokens, channels]. ASSAY_PRECISION sets the oracle's precision policy.
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "gguf/file.h"
#include "model/model.h"
#include "tests/support/program.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace): a program of the tests

void write(const std::filesystem::path& path, const engine::Rows& rows) {
  std::vector<double> values;
  values.reserve(rows.count * rows.width);
  for (std::size_t row = 0; row < rows.count; ++row) {
    for (std::size_t channel = 0; channel < rows.width; ++channel) values.push_back(rows.at(row, channel));
  }
  test::write_npy(path, "<f8", rows.count, rows.width, std::as_bytes(std::span(values)));
}

class Dumper final : public engine::Observer {
 public:
  explicit Dumper(std::filesystem::path folder) : folder_(std::move(folder)) {}
  void observe(const model::Value& value, const engine::TapRows& rows) override {
    write(folder_ / (value.tap + ".npy"), rows.rows());
  }

 private:
  std::filesystem::path folder_;
};

void dump(int argc, char** argv) {
  const model::Model model = model::load_model(gguf::File::open(argv[1]));
  engine::EngineOptions options;
  if (const char* policy = std::getenv("ASSAY_PRECISION")) options.precision = engine::PrecisionPolicy::parse(policy);
  const auto engine = engine::make_engine(argv[2], model.plan, options);
  const engine::SequenceId sequence = engine->add_sequence();
  std::vector<engine::TokenInput> batch;
  for (int i = 4; i < argc; ++i) batch.push_back({std::atoi(argv[i]), sequence, true});
  std::filesystem::create_directories(argv[3]);
  Dumper dumper(argv[3]);
  engine->evaluate(batch, &dumper);
}

}  // namespace

int main(int argc, char** argv) {
  return test::run_program(argc, argv, 4, "dump_taps MODEL ENGINE OUTDIR ID...", dump);
}
