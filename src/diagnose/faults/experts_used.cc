#include <set>
#include <string>
#include <variant>

#include "diagnose/faults/experts.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

/// That the sum's experts were chosen of: all, or those of as many groups as are used.
std::size_t experts_of(const Site& site) {
  const model::ValueId chosen = site.sibling("ffn_experts");
  for (const model::Step& step : site.plan().steps) {
    const auto* top = std::get_if<model::TopK>(&step.operation);
    if (top == nullptr || step.output != chosen) continue;
    return site.plan().values[static_cast<std::size_t>(step.inputs[0])].width / top->groups * top->used_groups;
  }
  return 0;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::WeightedSum>() == nullptr) return;
  const std::size_t used = experts_used(site);
  const std::size_t experts = experts_of(site);
  for (const std::size_t count : std::set<std::size_t>{used - 1, used + 1, 1, 2, experts}) {
    if (count == used || count < 1 || count > experts) continue;
    hypotheses.push_back({{{"count", std::to_string(count)}}, [count](const Site& here) {
                            return count > experts_of(here) ? here.exact() : run_with_count(here, count);
                          }});
  }
}

}  // namespace

const Fault kExpertsUsed = {"experts_used",
                            "gives each token another number of experts than the model",
                            "Choose <architecture>.expert_used_count experts a token.",
                            "",
                            FaultClass::mistake,
                            propose};

}  // namespace assay::diagnose
