#include "recipe/collect.h"

#include <algorithm>
#include <variant>

namespace assay::recipe {

ImportanceCollector::ImportanceCollector(const model::Plan& plan) {
  for (const model::Step& step : plan.steps) {
    const auto* linear = std::get_if<model::Linear>(&step.operation);
    if (linear == nullptr) continue;
    const std::string_view matrix = plan.weights[static_cast<std::size_t>(linear->weight)]->name;
    if (!matrix.starts_with("blk.")) continue;
    const model::Value& value = plan.values[static_cast<std::size_t>(step.inputs.front())];
    Input& input = inputs_[value.tap];
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

Importance ImportanceCollector::result() const {
  Importance importance;
  for (const auto& [tap, input] : inputs_) {
    const Importance::Entry entry = {{input.sums.begin(), input.sums.end()}, {static_cast<float>(input.rows)}};
    for (const std::string_view matrix : input.matrices) importance.entries.emplace(matrix, entry);
  }
  return importance;
}

void collect_chunk(engine::Engine& engine, const compare::Chunks& chunks, std::size_t chunk,
                   ImportanceCollector& collector) {
  constexpr std::size_t kTokensAtOnce = 64;
  const engine::SequenceId sequence = engine.add_sequence();
  for (std::size_t first = 0; first < chunks.context(); first += kTokensAtOnce) {
    std::vector<engine::TokenInput> batch;
    const std::size_t end = std::min(first + kTokensAtOnce, chunks.context());
    for (std::size_t position = first; position < end; ++position)
      batch.push_back({chunks.input(chunk, position), sequence, true});
    engine.evaluate(batch, &collector);
  }
  engine.remove_sequence(sequence);
}

}  // namespace assay::recipe
