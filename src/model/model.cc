#include "model/model.h"

#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "model/architectures/architecture.h"
#include "model/join.h"
#include "model/plan_builder.h"

namespace assay::model {
namespace {

constexpr std::size_t kNamed = 5;

/// "2 tensors are not used: a, b"; nothing when there are none.
void warn(std::vector<std::string>& warnings, std::string_view what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  const std::string listed = printable(join_first(names, kNamed, ", "), 400);
  warnings.push_back(fmt::format("{} {} not used: {}", names.size(), what, listed));
}

const Architecture& known_architecture(const gguf::File& file) {
  const std::string name(file.get_string("general.architecture").value_or(""));
  if (name.empty()) {
    throw Error(ErrorKind::input, fmt::format("{}: general.architecture is missing", file.name()),
                "The file says not what model it is; convert it again or get another copy.");
  }
  const Architecture* architecture = find_architecture(name);
  if (architecture != nullptr) return *architecture;
  std::vector<std::string> known;
  for (const Architecture* each : all_architectures()) known.emplace_back(each->name);
  throw Error(ErrorKind::unsupported, fmt::format("{}: unknown architecture '{}'; known: {}", file.name(),
                                                  printable(name, 40), join_first(known, known.size(), ", ")));
}

}  // namespace

Model load_model(gguf::File file, std::size_t context_length) {
  const Architecture& architecture = known_architecture(file);
  if (file.tensors().empty()) {
    throw Error(ErrorKind::input, fmt::format("{}: holds no tensors, only metadata", file.name()),
                "A vocabulary-only file can be tokenized with, but not run.");
  }
  HyperParameters hyper_parameters = read_hyper_parameters(file, architecture.keys);
  PlanBuilder builder(file, context_length);
  architecture.build(hyper_parameters, builder);
  Plan plan = builder.finish(hyper_parameters.context_length);
  std::vector<std::string> warnings = builder.notes();
  warn(warnings, "tensors are", builder.unused_tensors());
  warn(warnings, "metadata keys are", hyper_parameters.ignored_keys);
  return {std::move(file), std::move(hyper_parameters), std::move(plan), std::move(warnings)};
}

}  // namespace assay::model
