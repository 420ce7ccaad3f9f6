#include "report/diagnosis_json.h"

#include <cmath>

#include "report/diagnosis_words.h"

namespace assay::report {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no infinity: null stands for it.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json to_json(const std::vector<diagnose::Parameter>& parameters) {
  Json json = Json::object();
  for (const diagnose::Parameter& parameter : parameters) json[parameter.name] = parameter.value;
  return json;
}

Json to_json(const diagnose::Finding& finding, std::size_t layers) {
  return {
      {"tap", finding.taps.empty() ? "" : finding.taps.front()},
      {"taps", finding.taps},
      {"where", join_taps(finding.taps, layers)},
      {"observed", finding.observed.empty() ? (finding.taps.empty() ? "" : finding.taps.front()) : finding.observed},
      {"operation", finding.operation},
      {"fault", finding.fault},
      {"class", finding.fault_class == diagnose::FaultClass::mistake ? "mistake" : "rounding"},
      {"parameters", to_json(finding.parameters)},
      {"prescribed", to_json(finding.prescribed)},
      {"claim", finding.claim},
      {"remedy", finding.remedy},
      {"sources", finding.sources},
      {"fingerprint", finding.fingerprint},
      {"quantity", quantity(finding)},
      {"residual_before", number(finding.residual_before)},
      {"residual_after", number(finding.residual_after)},
      {"expected", number(finding.expected)},
      {"confidence", finding.confidence},
      {"certain", diagnose::is_sure_mistake(finding)},
      {"ties", finding.ties}};
}

Json to_json(const diagnose::StepReport& step, const diagnose::Verdict& verdict) {
  Json json = {{"tap", step.tap}, {"operation", step.operation}, {"outcome", diagnose::name(step.outcome)}};
  if (step.outcome == diagnose::StepReport::Outcome::not_given) return json;
  json["residual"] = number(step.residual);
  json["expected"] = number(step.expected);
  if (step.arithmetic.empty()) return json;
  json["arithmetic"] = step.arithmetic;
  json["coarser"] = is_coarser(step.arithmetic, verdict);
  return json;
}

}  // namespace

Json to_json(const diagnose::Verdict& verdict) {
  Json json = {{"version", 1}, {"verdict", diagnose::name(verdict.kind)}, {"findings", Json::array()}};
  for (const diagnose::Finding& finding : verdict.findings)
    json["findings"].push_back(to_json(finding, verdict.layers));
  json["acquitted"] = verdict.acquitted;
  json["needed"] = verdict.needed;
  json["notes"] = verdict.notes;
  json["arithmetic"] = verdict.arithmetic;
  json["coarser"] = Json::array();
  for (const CoarseSteps& steps : coarse_steps(verdict)) {
    json["coarser"].push_back({{"arithmetic", steps.arithmetic},
                               {"taps", steps.taps},
                               {"where", join_taps(steps.taps, verdict.layers)},
                               {"residual", number(steps.residual)},
                               {"expected", number(steps.expected)}});
  }
  json["steps"] = Json::array();
  for (const diagnose::StepReport& step : verdict.steps) json["steps"].push_back(to_json(step, verdict));
  return json;
}

}  // namespace assay::report
