#include "report/diagnosis_page.h"

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "compare/plan_pair.h"
#include "report/diagnosis_json.h"
#include "report/diagnosis_words.h"
#include "report/page.h"

namespace assay::report {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const model::Plan& plan) {
  const auto tap = [&](model::ValueId id) { return plan.values[static_cast<std::size_t>(id)].tap; };
  Json steps = Json::array();
  for (const model::Step& step : plan.steps) {
    Json reads = Json::array();
    for (const model::ValueId input : step.inputs) reads.push_back(tap(input));
    Json json = {{"tap", tap(step.output)}, {"operation", model::name_of(step.operation)}, {"reads", reads}};
    const model::WeightId weight = compare::main_weight(step.operation);
    if (weight != model::kNoWeight) {
      const gguf::Tensor& tensor = *plan.weights[static_cast<std::size_t>(weight)];
      json["weight"] = tensor.name;
      json["weight_type"] = tensor.type->name;
    }
    steps.push_back(std::move(json));
  }
  return steps;
}

}  // namespace

std::string to_page(const diagnose::Verdict& verdict, const DiagnosisSubject& subject) {
  Json data = to_json(verdict);
  for (const char* list : {"needed", "notes"}) {
    data[list] = join_sentences(data[list].get<std::vector<std::string>>());
  }
  data["model"] = {{"model", subject.model.model},
                   {"architecture", subject.model.architecture},
                   {"file_type", subject.model.file_type}};
  data["trace"] = subject.trace;
  data["format"] = subject.format;
  data["tokens"] = subject.tokens;
  if (subject.prompt) data["prompt"] = *subject.prompt;
  data["plan"] = to_json(*subject.plan);
  return page_with("diagnosis", data);
}

void write_page(const diagnose::Verdict& verdict, const DiagnosisSubject& subject, const std::filesystem::path& path) {
  write_page_file(to_page(verdict, subject), path);
}

}  // namespace assay::report
