#include <set>
#include <string>

#include "diagnose/faults/experts.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

/// Of the router that the sum's experts were chosen by.
std::size_t experts_of(const Site& site) {
  const model::ValueId router = site.sibling("ffn_router");
  return router < 0 ? 0 : site.plan().values[static_cast<std::size_t>(router)].width;
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
