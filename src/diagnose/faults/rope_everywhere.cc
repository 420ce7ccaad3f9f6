#include <algorithm>
#include <array>
#include <utility>

#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"
#include "diagnose/faults/rotate.h"

namespace assay::diagnose {
namespace {

const model::Rope* any_rotation(const Site& site) {
  for (const model::Step& step : site.plan().steps) {
    if (const auto* rope = std::get_if<model::Rope>(&step.operation)) return rope;
  }
  return nullptr;
}

bool is_rotated(const Site& site, model::ValueId value) {
  const auto& steps = site.plan().steps;
  const auto maker = std::find_if(steps.begin(), steps.end(), [&](const auto& step) { return step.output == value; });
  if (maker == steps.end()) return false;
  if (std::holds_alternative<model::PositionScale>(maker->operation)) return is_rotated(site, maker->inputs[0]);
  if (std::holds_alternative<model::Concat>(maker->operation)) {
    return std::any_of(maker->inputs.begin(), maker->inputs.end(), [&](auto input) { return is_rotated(site, input); });
  }
  return std::holds_alternative<model::Rope>(maker->operation);
}

Matrix rotated(const Site& here, std::size_t input) {
  const model::ValueId value = here.step().inputs[input];
  const model::Step turned{*any_rotation(here), {value}, value};
  return here.stepper.run(turned, here.passage, std::array{&here.input(input)});
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::Attention>() == nullptr || !has_turns(site.passage)) return;
  if (is_rotated(site, site.step().inputs[0]) || any_rotation(site) == nullptr) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          const Matrix q = rotated(here, 0);
                          const Matrix k = rotated(here, 1);
                          Look look(here);
                          look.q = &q;
                          look.k = &k;
                          return attend(here, look);
                        }});
}

}  // namespace

const Fault kRopeEverywhere = {"rope_everywhere",
                               "rotates q and k in a layer that has no rotary embedding",
                               "Leave q and k as they are in these layers: in smollm3, in every fourth.",
                               "",
                               FaultClass::mistake,
                               propose};

}  // namespace assay::diagnose
