// dump_faults MODEL OUTDIR TAP GIVEN|- ID... [/ ID...]: what the step of TAP gives with each fault in it, on exact
// inputs; tokens after the slash are decoded ones. Writes OUTDIR/input<k>.npy, exact.npy and <n>.npy, float64 [tokens,
// channels], and prints a line for each <n>: its number, the fault, and name=value for every parameter. GIVEN is a file
// of what the candidate said, raw float64 of the same shape.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "diagnose/fault.h"
#include "gguf/file.h"
#include "model/model.h"
#include "tests/support/program.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace): a program of the tests

void write(const std::filesystem::path& path, const diagnose::Matrix& matrix) {
  test::write_npy(path, "<f8", matrix.rows, matrix.width, std::as_bytes(std::span(matrix.values)));
}

class ExactValues final : public diagnose::Values {
 public:
  ExactValues(const diagnose::Stepper& stepper, const diagnose::Passage& passage)
      : values_(stepper.plan().values.size()) {
    for (const model::Step& step : stepper.plan().steps) {
      std::vector<const diagnose::Matrix*> inputs;
      for (const model::ValueId input : step.inputs) inputs.push_back(&value(input));
      values_[static_cast<std::size_t>(step.output)] = stepper.run(step, passage, inputs);
    }
  }
  const diagnose::Matrix& value(model::ValueId id) const override { return values_[static_cast<std::size_t>(id)]; }

 private:
  std::vector<diagnose::Matrix> values_;
};

void dump(int argc, char** argv) {
  const model::Model model = model::load_model(gguf::File::open(argv[1]));
  const std::filesystem::path folder = argv[2];
  diagnose::Passage passage;
  for (int i = 5; i < argc; ++i) {
    if (argv[i] == std::string_view("/")) {
      passage.prompt_tokens = passage.tokens.size();
      continue;
    }
    passage.positions.push_back(passage.tokens.size());
    passage.tokens.push_back(std::atoi(argv[i]));
  }
  if (passage.prompt_tokens == 0) passage.prompt_tokens = passage.tokens.size();
  const diagnose::Stepper stepper(model.plan, 2);
  const ExactValues values(stepper, passage);

  std::size_t index = 0;
  const auto tap_of = [&](const model::Step& step) {
    return model.plan.values[static_cast<std::size_t>(step.output)].tap;
  };
  while (tap_of(model.plan.steps.at(index)) != argv[3]) ++index;
  diagnose::Site site{model, stepper, passage, values, index, nullptr};
  diagnose::Matrix given(passage.tokens.size(), site.width());
  if (std::string(argv[4]) != "-") {
    std::ifstream(argv[4], std::ios::binary)
        .read(reinterpret_cast<char*>(given.values.data()),
              static_cast<std::streamsize>(given.values.size() * sizeof(double)));
    site.given = &given;
  }

  std::filesystem::create_directories(folder);
  for (std::size_t k = 0; k < site.step().inputs.size(); ++k) {
    write(folder / fmt::format("input{}.npy", k), site.input(k));
  }
  write(folder / "exact.npy", site.exact());
  std::size_t number = 0;
  for (const diagnose::Fault* fault : diagnose::all_faults()) {
    std::vector<diagnose::Hypothesis> hypotheses;
    fault->propose(site, hypotheses);
    for (const diagnose::Hypothesis& hypothesis : hypotheses) {
      write(folder / fmt::format("{}.npy", number), hypothesis.run(site));
      fmt::print("{} {}", number++, fault->name);
      for (const diagnose::Parameter& parameter : hypothesis.parameters) {
        fmt::print(" {}={}", parameter.name, parameter.value);
      }
      fmt::print("\n");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return test::run_program(argc, argv, 5, "dump_faults MODEL OUTDIR TAP GIVEN|- ID... [/ ID...]", dump);
}
