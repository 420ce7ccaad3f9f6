#include "model/cost.h"

#include <set>
#include <variant>

namespace assay::model {

TokenCost token_cost(const Plan& plan, std::size_t position, bool with_logits) {
  TokenCost cost;
  std::set<WeightId> whole;  // once, though several steps may use a weight
  const auto weight = [&](WeightId id) -> const gguf::Tensor& { return *plan.weights[static_cast<std::size_t>(id)]; };
  for (const Step& step : plan.steps) {
    if (step.only_outputs && !with_logits) continue;
    if (const auto* linear = std::get_if<Linear>(&step.operation)) {
      whole.insert(linear->weight);
      if (linear->bias != kNoWeight) whole.insert(linear->bias);
      const gguf::Tensor& matrix = weight(linear->weight);
      (matrix.type->is_quantized() ? cost.quantized_products : cost.float_products) += matrix.values();
    } else if (const auto* experts = std::get_if<ExpertLinear>(&step.operation)) {
      // A token reads the matrices of its own experts only.
      const std::size_t used = plan.values[static_cast<std::size_t>(step.output)].width / experts->outputs;
      const gguf::Tensor& matrices = weight(experts->weight);
      cost.weight_bytes += matrices.data.size() / experts->experts * used;
      if (experts->bias != kNoWeight) cost.weight_bytes += weight(experts->bias).row_bytes() * used;
      (matrices.type->is_quantized() ? cost.quantized_products : cost.float_products) +=
          matrices.values() / experts->experts * used;
    } else if (const auto* norm = std::get_if<RmsNorm>(&step.operation)) {
      whole.insert(norm->weight);
    } else if (const auto* layer_norm = std::get_if<LayerNorm>(&step.operation)) {
      whole.insert(layer_norm->weight);
      if (layer_norm->bias != kNoWeight) whole.insert(layer_norm->bias);
    } else if (const auto* embed = std::get_if<Embed>(&step.operation)) {
      cost.weight_bytes += weight(embed->table).row_bytes();
    } else if (const auto* attention = std::get_if<Attention>(&step.operation)) {
      const std::size_t seen = position + 1 - attention->first_seen(position);
      const std::size_t widths = attention->head_width + attention->value_width;
      cost.cache_values += seen * attention->kv_heads * widths;
      cost.float_products += seen * attention->heads * widths;
    }
  }
  for (const WeightId id : whole) cost.weight_bytes += weight(id).data.size();
  return cost;
}

}  // namespace assay::model
