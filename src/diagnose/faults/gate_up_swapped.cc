#include <utility>

#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::GatedActivation>() == nullptr || site.step().inputs.size() < 2) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          model::Step changed = here.step();
                          std::swap(changed.inputs[0], changed.inputs[1]);
                          return here.run(changed);
                        }});
}

}  // namespace

const Fault kGateUpSwapped = {
    "gate_up_swapped",
    "swaps the two branches of the feed-forward: the activation is taken of `up` and multiplied by `gate`",
    "Compute activation(gate) * up; in GGUF, gate is ffn_gate and up is ffn_up.",
    "NVIDIA/TensorRT-Model-Connect#177 JunSuzukiJapan/rustorch",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
