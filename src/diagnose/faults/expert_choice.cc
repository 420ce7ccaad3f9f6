#include <cmath>

#include "diagnose/faults/experts.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

enum class Rule { slot, first, next, before };

Matrix choose(const Site& site, Rule rule) {
  const auto experts = static_cast<double>(site.operation<model::ExpertLinear>()->experts);
  Matrix chosen = site.input(1);
  for (std::size_t i = 0; i < chosen.rows; ++i) {
    for (std::size_t slot = 0; slot < chosen.width; ++slot) {
      double& expert = chosen.row(i)[slot];
      switch (rule) {
        case Rule::slot:
          expert = static_cast<double>(slot);
          break;
        case Rule::first:
          expert = chosen.row(i)[0];
          break;
        case Rule::next:
          expert = std::fmod(expert + 1, experts);
          break;
        case Rule::before:
          expert = std::fmod(expert + experts - 1, experts);
          break;
      }
    }
  }
  return chosen;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::ExpertLinear>() == nullptr || site.step().inputs.size() < 2) return;
  const auto add = [&](const char* name, Rule rule) {
    if (choose(site, rule).values == site.input(1).values) return;
    hypotheses.push_back(
        {{{"rule", name}}, [rule](const Site& here) { return run_with_choice(here, choose(here, rule)); }});
  };
  add("slot", Rule::slot);
  add("first", Rule::first);
  add("next", Rule::next);
  add("before", Rule::before);
}

}  // namespace

const Fault kExpertChoice = {
    "expert_choice",
    "multiplies with the matrix of another expert than the one chosen: of the slot's own number, of the token's first "
    "expert, or of a neighbour",
    "Expert e of a token's slot is matrix e of the tensor, counted from 0.",
    "",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
