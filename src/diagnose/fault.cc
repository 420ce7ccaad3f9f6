#include "diagnose/fault.h"

#include <algorithm>

namespace assay::diagnose {

model::ValueId Site::find(std::string_view tap) const {
  const auto& all = plan().values;
  const auto found = std::find_if(all.begin(), all.end(), [&](const model::Value& value) { return value.tap == tap; });
  return found == all.end() ? -1 : static_cast<model::ValueId>(found - all.begin());
}

model::ValueId Site::sibling(std::string_view name) const {
  const std::string_view own = tap();
  const std::size_t dot = own.rfind('.');
  return find(dot == std::string_view::npos ? std::string(name) : std::string(own.substr(0, dot + 1)).append(name));
}

Matrix Site::run(const model::Step& changed) const {
  std::vector<const Matrix*> inputs;
  inputs.reserve(changed.inputs.size());
  for (const model::ValueId input : changed.inputs) inputs.push_back(&values.value(input));
  return run(changed, inputs);
}

Matrix Site::run(const model::Step& changed, std::span<const Matrix* const> inputs) const {
  return stepper.run(changed, passage, inputs);
}

}  // namespace assay::diagnose
