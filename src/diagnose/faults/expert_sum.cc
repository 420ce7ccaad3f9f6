#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

enum class Rule { sorted_by_expert, none, equal };

/// The weights as they stand when the experts are sorted by their indices.
Matrix sorted_by_expert(const Site& site) {
  Matrix weights = site.input(1);
  const model::ValueId experts = site.sibling("ffn_experts");
  if (experts < 0) return weights;
  const Matrix& chosen = site.values.value(experts);
  std::vector<std::size_t> order(weights.width);
  for (std::size_t i = 0; i < weights.rows; ++i) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return chosen.row(i)[a] < chosen.row(i)[b]; });
    for (std::size_t slot = 0; slot < weights.width; ++slot) weights.row(i)[slot] = site.input(1).row(i)[order[slot]];
  }
  return weights;
}

Matrix wrong_weights(const Site& site, Rule rule) {
  if (rule == Rule::sorted_by_expert) return sorted_by_expert(site);
  Matrix weights = site.input(1);
  const double all = rule == Rule::none ? 1 : 1 / static_cast<double>(weights.width);
  std::fill(weights.values.begin(), weights.values.end(), all);
  return weights;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::WeightedSum>() == nullptr) return;
  const auto add = [&](const char* name, Rule rule) {
    if (wrong_weights(site, rule).values == site.input(1).values) return;
    hypotheses.push_back({{{"weights", name}}, [rule](const Site& here) {
                            const Matrix weights = wrong_weights(here, rule);
                            return here.run(here.step(), std::array<const Matrix*, 2>{&here.input(0), &weights});
                          }});
  };
  add("sorted_by_expert", Rule::sorted_by_expert);
  add("none", Rule::none);
  add("equal", Rule::equal);
}

}  // namespace

const Fault kExpertSum = {
    "expert_sum",
    "adds what the experts made with other weights than theirs: none, equal ones, or those of other slots",
    "Multiply each slot's output with that slot's weight, then add the slots.",
    "",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
