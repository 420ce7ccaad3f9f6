#include "diagnose/exact_taps.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace assay::diagnose {

std::span<const double> ExactTaps::operator()(std::span<const std::int32_t> tokens, model::ValueId id) {
  const model::Plan& plan = stepper_.plan();
  if (!std::equal(tokens.begin(), tokens.end(), passage_.tokens.begin(), passage_.tokens.end())) {
    passage_.tokens.assign(tokens.begin(), tokens.end());
    passage_.positions.resize(tokens.size());
    std::iota(passage_.positions.begin(), passage_.positions.end(), std::size_t{0});
    passage_.prompt_tokens = tokens.size();
    values_.assign(plan.values.size(), {});
    for (const model::Step& step : plan.steps) {
      std::vector<const Matrix*> inputs;
      inputs.reserve(step.inputs.size());
      for (const model::ValueId input : step.inputs) inputs.push_back(&values_[static_cast<std::size_t>(input)]);
      values_[static_cast<std::size_t>(step.output)] = stepper_.run(step, passage_, inputs);
    }
  }
  return values_[static_cast<std::size_t>(id)].values;
}

}  // namespace assay::diagnose
