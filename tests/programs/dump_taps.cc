// dump_taps MODEL ENGINE OUTDIR ID...: evaluates the tokens in one batch, with logits for all of them, and writes every
// tap as OUTDIR/<tap>.npy, float64 [tokens, channels]. ASSAY_PRECISION sets the oracle's precision policy.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "engine/engine.h"
#include "gguf/file.h"
#include "model/model.h"

namespace {

using namespace assay;

/// NumPy's format 1.0: magic, version, header length (u16), a Python dict padded to a multiple of 64 bytes, the values.
void write_npy(const std::filesystem::path& path, const engine::Rows& rows) {
  std::string header =
      fmt::format("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, {}), }}", rows.count, rows.width);
  constexpr std::size_t kPreamble = 10;
  header.append(63 - (kPreamble + header.size()) % 64, ' ');
  header += '\n';
  std::vector<double> values;
  values.reserve(rows.count * rows.width);
  for (std::size_t row = 0; row < rows.count; ++row) {
    for (std::size_t channel = 0; channel < rows.width; ++channel) values.push_back(rows.at(row, channel));
  }
  OutputFile file(path);
  file.write(std::string("\x93NUMPY\x01\x00", 8));
  file.write(std::string{static_cast<char>(header.size() & 0xFFU), static_cast<char>(header.size() >> 8U)});
  file.write(header);
  file.write(std::as_bytes(std::span(values)));
  file.commit();
}

class Dumper final : public engine::Observer {
 public:
  explicit Dumper(std::filesystem::path folder) : folder_(std::move(folder)) {}
  void observe(const model::Value& value, const engine::TapRows& rows) override {
    write_npy(folder_ / (value.tap + ".npy"), rows.rows());
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
  if (argc < 5) {
    std::fputs("usage: dump_taps MODEL ENGINE OUTDIR ID...\n", stderr);
    return 2;
  }
  try {
    dump(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}
