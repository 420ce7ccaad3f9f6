#include "recipe/collect.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "engine/experts.h"

namespace assay::recipe {

ImportanceCollector::ImportanceCollector(const model::Plan& plan) {
  const auto tensor = [&](model::WeightId id) { return plan.weights[static_cast<std::size_t>(id)]; };
  for (const model::Step& step : plan.steps) {
    const auto* linear = std::get_if<model::Linear>(&step.operation);
    const auto* experts = std::get_if<model::ExpertLinear>(&step.operation);
    if (linear == nullptr && experts == nullptr) continue;
    const gguf::Tensor& matrix = *tensor(linear != nullptr ? linear->weight : experts->weight);
    if (!matrix.name.starts_with("blk.")) continue;
    input_of(plan, step, experts != nullptr ? experts->experts : 0, static_cast<std::size_t>(matrix.row_values()))
        .matrices.push_back(matrix.name);
  }
}

ImportanceCollector::Input& ImportanceCollector::input_of(const model::Plan& plan, const model::Step& step,
                                                          std::size_t experts, std::size_t columns) {
  const auto tap = [&](std::size_t input) -> std::string_view {
    return plan.values[static_cast<std::size_t>(step.inputs[input])].tap;
  };
  const bool is_chosen = experts > 0 && step.inputs.size() > 1;
  const std::string_view chosen = is_chosen ? tap(1) : std::string_view();
  const auto known = std::find_if(inputs_.begin(), inputs_.end(),
                                  [&](const Input& input) { return input.x == tap(0) && input.chosen == chosen; });
  if (known != inputs_.end()) return *known;
  Input& input = inputs_.emplace_back();
  input.x = tap(0);
  input.chosen = chosen;
  input.columns = columns;
  input.counts.resize(std::max<std::size_t>(1, experts));
  input.sums.resize(input.counts.size() * columns);
  // Values are numbered in the order in which they are written.
  const bool x_is_later = !is_chosen || step.inputs[0] > step.inputs[1];
  read_at_[x_is_later ? input.x : chosen].push_back(inputs_.size() - 1);
  if (is_chosen) kept_[x_is_later ? chosen : input.x];
  return input;
}

void ImportanceCollector::observe(const model::Value& value, const engine::TapRows& tap) {
  const engine::Rows rows = tap.rows();
  if (const auto read = read_at_.find(value.tap); read != read_at_.end()) {
    for (const std::size_t input : read->second) add(inputs_[input], rows, value.tap);
  }
  const auto kept = kept_.find(value.tap);
  if (kept == kept_.end()) return;
  kept->second.resize(rows.count * rows.width);
  for (std::size_t i = 0; i < kept->second.size(); ++i) kept->second[i] = rows.at(i / rows.width, i % rows.width);
}

void ImportanceCollector::add(Input& input, const engine::Rows& seen, std::string_view tap) {
  const auto add_row = [&](std::size_t matrix, const auto& x) {
    double* sums = input.sums.data() + matrix * input.columns;
    for (std::size_t channel = 0; channel < input.columns; ++channel) sums[channel] += x(channel) * x(channel);
    ++input.counts[matrix];
  };
  if (input.chosen.empty()) {
    for (std::size_t row = 0; row < seen.count; ++row) {
      for (std::size_t matrix = 0; matrix < input.counts.size(); ++matrix) {
        add_row(matrix, [&](std::size_t channel) { return seen.at(row, matrix * input.columns + channel); });
      }
    }
    return;
  }
  const bool x_is_seen = input.x == tap;
  const std::vector<double>& kept = kept_.find(x_is_seen ? input.chosen : input.x)->second;
  const std::size_t x_width = x_is_seen ? seen.width : kept.size() / seen.count;
  const std::size_t slots = x_is_seen ? kept.size() / seen.count : seen.width;
  for (std::size_t row = 0; row < seen.count; ++row) {
    for (std::size_t slot = 0; slot < slots; ++slot) {
      const double chosen = x_is_seen ? kept[row * slots + slot] : seen.at(row, slot);
      const std::size_t expert = engine::index_of(chosen, input.counts.size());
      if (expert == input.counts.size()) continue;
      const std::size_t first = x_width == input.columns ? 0 : slot * input.columns;
      add_row(expert, [&](std::size_t channel) {
        return x_is_seen ? seen.at(row, first + channel) : kept[row * x_width + first + channel];
      });
    }
  }
}

void ImportanceCollector::check_finite() const {
  const auto bad = std::find_if(inputs_.begin(), inputs_.end(), [](const Input& input) {
    return !std::all_of(input.sums.begin(), input.sums.end(),
                        [](double sum) { return std::isfinite(static_cast<float>(sum)); });
  });
  if (bad == inputs_.end()) return;
  throw Error(ErrorKind::input, fmt::format("what '{}' is multiplied with is not finite", printable(bad->matrices[0])),
              "The file is damaged or was converted badly; `assay inspect MODEL --stats` shows such tensors.");
}

Importance ImportanceCollector::result() const {
  check_finite();
  Importance importance;
  for (const Input& input : inputs_) {
    const Importance::Entry entry = {{input.sums.begin(), input.sums.end()},
                                     {input.counts.begin(), input.counts.end()}};
    for (const std::string_view matrix : input.matrices) importance.entries.emplace(matrix, entry);
  }
  return importance;
}

}  // namespace assay::recipe
