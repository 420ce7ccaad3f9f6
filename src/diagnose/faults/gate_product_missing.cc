#include <algorithm>
#include <array>

#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

/// The `up` that multiplies by 1.
double factor_one(const Site& site) {
  return site.operation<model::GatedActivation>()->activation == model::Activation::clamped_swiglu ? 0 : 1;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::GatedActivation>() == nullptr || site.step().inputs.size() < 2) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          const Matrix& gate = here.input(0);
                          Matrix neutral(gate.rows, gate.width);
                          std::fill(neutral.values.begin(), neutral.values.end(), factor_one(here));
                          return here.run(here.step(), std::array<const Matrix*, 2>{&gate, &neutral});
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
