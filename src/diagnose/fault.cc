#include "diagnose/fault.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "diagnose/faults/attend.h"
#include "diagnose/faults/rotate.h"
#include "model/model.h"

namespace assay::diagnose {

const model::HyperParameters& Site::hyper_parameters() const { return model.hyper_parameters; }

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

Matrix Site::run(const model::Step& other) const {
  if (then != nullptr) {
    Site next = *this;
    next.changed = &other;
    next.then = nullptr;
    return then->run(next);
  }
  const auto* rope = std::get_if<model::Rope>(&other.operation);
  if (position != nullptr && rope != nullptr) return rotate(*this, *rope, *position);
  if (look != nullptr && std::holds_alternative<model::Attention>(other.operation))
    return attend(*this, *look, std::get<model::Attention>(other.operation));
  std::vector<const Matrix*> inputs;
  inputs.reserve(other.inputs.size());
  for (const model::ValueId input : other.inputs) inputs.push_back(&values.value(input));
  return run(other, inputs);
}

Matrix Site::run(const model::Step& other, std::span<const Matrix* const> inputs) const {
  return stepper.run(other, passage, inputs);
}

Hypothesis both(const Hypothesis& first, const Hypothesis& second) {
  std::vector<Parameter> parameters = first.parameters;
  parameters.insert(parameters.end(), second.parameters.begin(), second.parameters.end());
  return {std::move(parameters), [first, second](const Site& here) {
            Site handing_over = here;
            handing_over.then = &second;
            return first.run(handing_over);
          }};
}

}  // namespace assay::diagnose
