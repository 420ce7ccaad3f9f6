#include <algorithm>
#include <array>

#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::GatedActivation>() == nullptr || site.step().inputs.size() < 2) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          const Matrix& gate = here.input(0);
                          Matrix ones(gate.rows, gate.width);
                          std::fill(ones.values.begin(), ones.values.end(), 1.0);
                          return here.run(here.step(), std::array<const Matrix*, 2>{&gate, &ones});
                        }});
}

}  // namespace

const Fault kGateProductMissing = {
    "gate_product_missing",
    "leaves out the product of the feed-forward's two branches: activation(gate) goes on without * up",
    "Multiply activation(gate) by up, channel by channel.",
    "",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
