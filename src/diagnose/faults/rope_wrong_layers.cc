#include <algorithm>
#include <utility>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/rotate.h"
#include "diagnose/faults/solve.h"

namespace assay::diagnose {
namespace {

/// A rotation of the same heads in another layer, by other angles; null when there is none.
const model::Rope* other_rotation(const Site& site) {
  const auto& own = *site.operation<model::Rope>();
  for (const model::Step& step : site.plan().steps) {
    const auto* other = std::get_if<model::Rope>(&step.operation);
    if (other == nullptr || other->frequencies.size() != own.frequencies.size()) continue;
    if (other->frequencies != own.frequencies || other->magnitude != own.magnitude) return other;
  }
  return nullptr;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (turning(site) == nullptr) return;
  const model::Rope* other = other_rotation(site);
  if (other == nullptr) return;
  hypotheses.push_back({{{"base", number(other->base, 10)}}, [](const Site& here) {
                          const model::Rope* wrong = other_rotation(here);
                          if (wrong == nullptr) return here.exact();
                          model::Step changed = here.step();
                          changed.operation = *wrong;
                          return here.run(changed);
                        }});
}

Parameter prescribe(const Site& site) { return {"base", number(site.operation<model::Rope>()->base, 10)}; }

}  // namespace

const Fault kRopeWrongLayers = {
    "rope_wrong_layers",
    "turns as other layers of the model do: one base or scaling for all of them, or the layers taken for one another",
    "Give layers with a window their own base (10000 in gemma3) and no scaling, the others rope.freq_base and the "
    "file's "
    "scaling.",
    "",
    FaultClass::mistake,
    propose,
    prescribe};

}  // namespace assay::diagnose
