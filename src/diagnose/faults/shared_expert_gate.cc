#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::SigmoidGate>() == nullptr) return;
  hypotheses.push_back({{{"rule", "missing"}}, [](const Site& here) { return here.input(1); }});
  hypotheses.push_back({{{"rule", "no_sigmoid"}}, [](const Site& here) {
                          Matrix values = here.input(1);
                          for (std::size_t i = 0; i < values.values.size(); ++i) {
                            values.values[i] *= here.input(0).values[i / values.width];
                          }
                          return values;
                        }});
}

}  // namespace

const Fault kSharedExpertGate = {
    "shared_expert_gate",
    "adds the shared expert without its gate, or with the gate's score in the place of its sigmoid",
    "Multiply the shared expert's output by sigmoid(ffn_gate_inp_shexp x), one number a token.",
    "",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
