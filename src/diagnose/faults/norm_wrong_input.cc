#include <utility>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/places.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::RmsNorm>() == nullptr) return;
  for (Place& place : alternatives(site, 0)) {
    std::string name = text(place);
    hypotheses.push_back({{{"tap", std::move(name)}}, [place = std::move(place)](const Site& here) {
                            model::Step changed = here.step();
                            const model::ValueId other = find(here, place);
                            if (other >= 0) changed.inputs[0] = other;
                            return here.run(changed);
                          }});
  }
}

}  // namespace

const Fault kNormWrongInput = {
    "norm_wrong_input",
    "normalises another value than it should",
    "Feed the norm with the residual stream at its place: after the addition before it, not before.",
    "kvark/meganeura#188",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
