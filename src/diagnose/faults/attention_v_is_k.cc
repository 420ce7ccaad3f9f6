#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

/// The keys before they were rotated, or -1.
model::ValueId plain_keys(const Site& here) {
  for (const model::Step& step : here.plan().steps) {
    const bool makes_keys = step.output == here.step().inputs[1];
    if (makes_keys && std::holds_alternative<model::Rope>(step.operation)) return step.inputs[0];
  }
  return -1;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* attention = site.operation<model::Attention>();
  if (attention == nullptr || attention->head_width != attention->value_width) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          Look look(here);
                          look.v = look.k;
                          return attend(here, look);
                        }});
  if (plain_keys(site) < 0) return;
  hypotheses.push_back({{{"keys", "before rotation"}}, [](const Site& here) {
                          Look look(here);
                          look.v = &here.values.value(plain_keys(here));
                          return attend(here, look);
                        }});
}

}  // namespace

const Fault kAttentionVIsK = {"attention_v_is_k",
                              "adds up keys where it should add up values",
                              "Multiply the attention weights by v; look which buffer of the cache is read.",
                              "",
                              FaultClass::mistake,
                              propose};

}  // namespace assay::diagnose
