#include <algorithm>
#include <vector>

#include "diagnose/faults/faults.h"
#include "engine/experts.h"

namespace assay::diagnose {
namespace {

/// Ranks first .. of every row, the largest value first.
Matrix ranked(const Site& site, std::size_t first) {
  const Matrix& scores = site.input(0);
  Matrix chosen(scores.rows, site.width());
  std::vector<double> order(scores.width);
  for (std::size_t i = 0; i < scores.rows; ++i) {
    engine::choose_largest(model::TopK{}, scores.row(i), scores.width, scores.width, order.data());
    std::copy_n(order.begin() + static_cast<std::ptrdiff_t>(first), chosen.width, chosen.row(i));
  }
  return chosen;
}

Matrix smallest(const Site& site) {
  Matrix chosen = ranked(site, site.input(0).width - site.width());
  for (std::size_t i = 0; i < chosen.rows; ++i) std::reverse(chosen.row(i), chosen.row(i) + chosen.width);
  return chosen;
}

Matrix first_ones(const Site& site) {
  Matrix chosen(site.input(0).rows, site.width());
  for (std::size_t i = 0; i < chosen.values.size(); ++i) chosen.values[i] = static_cast<double>(i % chosen.width);
  return chosen;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::TopK>() == nullptr) return;
  const std::size_t experts = site.plan().values[static_cast<std::size_t>(site.step().inputs[0])].width;
  if (site.width() >= experts) return;
  const Matrix right = site.exact();
  const auto add = [&](const char* name, Matrix (*choose)(const Site&)) {
    if (choose(site).values != right.values) hypotheses.push_back({{{"rule", name}}, choose});
  };
  add("groups_ignored", [](const Site& here) { return ranked(here, 0); });
  add("one_late", [](const Site& here) { return ranked(here, 1); });
  add("smallest", smallest);
  add("first_ones", first_ones);
}

}  // namespace

const Fault kRouterChoice = {
    "router_choice",
    "chooses other experts than those of the largest scores: one place late, the smallest, always the first ones, or "
    "of "
    "groups that the model leaves out",
    "Choose the experts of the largest scores, largest first; of equal ones the lower index. Where the file has "
    "expert_group_used_count, choose the groups first.",
    "",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
