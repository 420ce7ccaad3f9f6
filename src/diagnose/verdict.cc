#include "diagnose/verdict.h"

#include <algorithm>
#include <utility>

namespace assay::diagnose {

std::string_view name(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::fault:
      return "fault";
    case VerdictKind::rounding:
      return "rounding";
    case VerdictKind::undecided:
      return "undecided";
  }
  return "";
}

std::string_view name(StepReport::Outcome outcome) {
  switch (outcome) {
    case StepReport::Outcome::not_given:
      return "not_given";
    case StepReport::Outcome::healthy:
      return "healthy";
    case StepReport::Outcome::fault:
      return "fault";
    case StepReport::Outcome::unknown:
      return "unknown";
    case StepReport::Outcome::undecided:
      return "undecided";
  }
  return "";
}

std::vector<Parameter> prescribed(const Fault& fault, const Site& site) {
  return fault.prescribe != nullptr ? std::vector<Parameter>{fault.prescribe(site)} : std::vector<Parameter>();
}

Finding finding_of(const Fault& fault, std::vector<Parameter> parameters, const Site& site) {
  Finding finding;
  finding.fault = fault.name;
  finding.fault_class = fault.fault_class;
  finding.parameters = std::move(parameters);
  finding.prescribed = prescribed(fault, site);
  finding.claim = fault.claim;
  finding.remedy = fault.remedy;
  finding.sources = fault.sources;
  return finding;
}

std::size_t sharing(std::size_t ties) { return 1 + std::min<std::size_t>(ties, 9); }

bool is_sure_mistake(const Finding& finding) {
  const double confidence = finding.confidence * static_cast<double>(sharing(finding.ties.size()));
  return finding.fault_class == FaultClass::mistake && confidence >= 0.5;
}

}  // namespace assay::diagnose
