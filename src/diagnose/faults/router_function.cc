#include "base/math.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

Matrix sigmoid(Matrix values) {
  for (double& value : values.values) value = 1 / (1 + portable_exp(-value));
  return values;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const bool is_sigmoid = site.operation<model::Sigmoid>() != nullptr;
  if (!is_sigmoid && site.operation<model::Softmax>() == nullptr) return;
  if (is_sigmoid) {
    hypotheses.push_back({{{"function", "softmax"}}, [](const Site& here) {
                            model::Step changed = here.step();
                            changed.operation = model::Softmax{};
                            return here.run(changed);
                          }});
  } else {
    hypotheses.push_back({{{"function", "sigmoid"}}, [](const Site& here) { return sigmoid(here.input(0)); }});
  }
  hypotheses.push_back({{{"function", "identity"}}, [](const Site& here) { return here.input(0); }});
}

}  // namespace

const Fault kRouterFunction = {"router_function",
                               "makes weights of the router's scores by another function than the model: a sigmoid of "
                               "each for the softmax or the reverse, or the scores themselves",
                               "Take the softmax over all experts, or what expert_gating_func says, in float32, and "
                               "choose and weight by that.",
                               "",
                               FaultClass::mistake,
                               propose};

}  // namespace assay::diagnose
