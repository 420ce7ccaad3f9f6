#include "recipe/collect.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace assay::recipe {

ImportanceCollector::ImportanceCollector(const model::Plan& plan) {
  for (const model::Step& step : plan.steps) {
    const auto* linear = std::get_if<model::Linear>(&step.operation);
    if (linear == nullptr) continue;
    const std::string_view matrix = plan.weights[static_cast<std::size_t>(linear->weight)]->name;
    if (!matrix.starts_with("blk.")) continue;
    const model::Value& value = plan.values[static_cast<std::size_t>(step.inputs.front())];
    Input& input = inputs_[value.tap];
    if (input.matrices.empty()) input.place = inputs_.size();
    input.matrices.push_back(matrix);
    input.sums.resize(value.width);
  }
}

void ImportanceCollector::observe(const model::Value& value, const engine::TapRows& tap) {
  Input& input = inputs_.find(value.tap)->second;
  const engine::Rows rows = tap.rows();
  for (std::size_t row = 0; row < rows.count; ++row) {
    for (std::size_t channel = 0; channel < rows.width; ++channel) {
      const double x = rows.at(row, channel);
      input.sums[channel] += x * x;
    }
  }
  input.rows += rows.count;
}

void ImportanceCollector::check_finite() const {
  const Input* first = nullptr;
  for (const auto& [tap, input] : inputs_) {
    const bool is_finite = std::all_of(input.sums.begin(), input.sums.end(),
                                       [](double sum) { return std::isfinite(static_cast<float>(sum)); });
    if (!is_finite && (first == nullptr || input.place < first->place)) first = &input;
  }
  if (first == nullptr) return;
  throw Error(ErrorKind::input,
              fmt::format("what '{}' is multiplied with is not finite", printable(first->matrices[0])),
              "The file is damaged or was converted badly; `assay inspect MODEL --stats` shows such tensors.");
}

Importance ImportanceCollector::result() const {
  check_finite();
  Importance importance;
  for (const auto& [tap, input] : inputs_) {
    const Importance::Entry entry = {{input.sums.begin(), input.sums.end()}, {static_cast<float>(input.rows)}};
    for (const std::string_view matrix : input.matrices) importance.entries.emplace(matrix, entry);
  }
  return importance;
}

}  // namespace assay::recipe
