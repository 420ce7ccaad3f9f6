#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

Matrix run_with(const Site& site, const Matrix& weights) {
  return site.run(site.step(), std::array<const Matrix*, 2>{&site.input(0), &weights});
}

/// The weights as they stand when the experts are sorted by their indices.
Matrix sorted_by_expert(const Site& site) {
  const model::ValueId experts = site.sibling("ffn_experts");
  if (experts < 0) return site.exact();
  const Matrix& chosen = site.values.value(experts);
  Matrix weights = site.input(1);
  std::vector<std::size_t> order(weights.width);
  for (std::size_t i = 0; i < weights.rows; ++i) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return chosen.row(i)[a] < chosen.row(i)[b]; });
    for (std::size_t slot = 0; slot < weights.width; ++slot) weights.row(i)[slot] = site.input(1).row(i)[order[slot]];
  }
  return run_with(site, weights);
}

Matrix unweighted(const Site& site) {
  Matrix weights = site.input(1);
  std::fill(weights.values.begin(), weights.values.end(), 1.0);
  return run_with(site, weights);
}

Matrix mean(const Site& site) {
  Matrix weights = site.input(1);
  std::fill(weights.values.begin(), weights.values.end(), 1 / static_cast<double>(weights.width));
  return run_with(site, weights);
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::WeightedSum>() == nullptr) return;
  hypotheses.push_back({{{"weights", "sorted_by_expert"}}, sorted_by_expert});
  hypotheses.push_back({{{"weights", "none"}}, unweighted});
  hypotheses.push_back({{{"weights", "equal"}}, mean});
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
