#include "diagnose/faults/precision.h"

#include <algorithm>
#include <cmath>

namespace assay::diagnose {

Matrix run_in(const Site& site, engine::Arithmetic arithmetic) {
  std::vector<const Matrix*> inputs;
  for (const model::ValueId input : site.step().inputs) inputs.push_back(&site.values.value(input));
  return site.stepper.run(site.step(), site.passage, inputs, arithmetic);
}

bool is_finite(const Matrix& matrix) {
  return std::all_of(matrix.values.begin(), matrix.values.end(), [](double value) { return std::isfinite(value); });
}

bool lost_finiteness(const Site& site) {
  if (site.given == nullptr || is_finite(*site.given)) return false;
  const auto& inputs = site.step().inputs;
  return std::all_of(inputs.begin(), inputs.end(), [&](auto input) { return is_finite(site.values.value(input)); });
}

}  // namespace assay::diagnose
