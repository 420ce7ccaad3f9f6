#include <utility>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/places.h"

namespace assay::diagnose {
namespace {

Matrix added(const Site& here, model::ValueId stream) {
  model::Step changed = here.step();
  if (stream >= 0) changed.inputs[0] = stream;
  return here.run(changed);
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::Add>() == nullptr) return;
  for (Place& place : alternatives(site, 0)) {
    std::string name = text(place);
    hypotheses.push_back({{{"tap", std::move(name)}},
                          [place = std::move(place)](const Site& here) { return added(here, find(here, place)); }});
  }
  hypotheses.push_back({{{"tap", text(place_of(site, site.step().inputs[1]))}},
                        [](const Site& here) { return added(here, here.step().inputs[1]); }});
}

}  // namespace

const Fault kResidualWrongInput = {
    "residual_wrong_input",
    "adds what a block computed to another value than the stream that went into it",
    "Keep the stream as it was before the norm, and add to that.",
    "facebookresearch/multimodal#305 strutive07/transformer-tensorflow2.0#14 kyegomez/BitNet#32",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
