#include "model/weight_health.h"

#include <fmt/format.h>

namespace assay::model {

std::optional<std::string> find_non_finite_block(const gguf::Tensor& tensor) {
  const quant::Type& type = *tensor.type;
  const auto blocks = static_cast<std::size_t>(tensor.values() / type.block_values);
  const std::size_t block = quant::find_non_finite_block(type, tensor.data.data(), blocks);
  if (block == blocks) return std::nullopt;
  return fmt::format("{} ({}): block {} (row {}), at byte {} of the tensor, decodes to NaN or infinity", tensor.name,
                     type.name, block, block * type.block_values / tensor.row_values(), block * type.block_bytes);
}

std::optional<std::string> find_non_finite_weight(const Plan& plan) {
  for (const gguf::Tensor* tensor : plan.weights) {
    if (std::optional<std::string> found = find_non_finite_block(tensor->whole == nullptr ? *tensor : *tensor->whole)) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace assay::model
