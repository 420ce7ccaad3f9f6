#include "base/math.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

Matrix sigmoid(Matrix values) {
  for (double& value : values.values) value = 1 / (1 + portable_exp(-value));
  return values;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::Softmax>() == nullptr) return;
  hypotheses.push_back({{{"function", "sigmoid"}}, [](const Site& here) { return sigmoid(here.input(0)); }});
  hypotheses.push_back({{{"function", "identity"}}, [](const Site& here) { return here.input(0); }});
}

}  // namespace

const Fault kRouterFunction = {"router_function",
                               "makes weights of the router's scores by another function than softmax: a sigmoid of "
                               "each, or the scores themselves",
                               "Take the softmax over all experts, in float32, and choose and weight by that.",
                               "",
                               FaultClass::mistake,
                               propose};

}  // namespace assay::diagnose
