#include "model/weight_scale.h"

#include <cstddef>
#include <cstdint>

#include "quant/type.h"

namespace assay::model {

std::string name_of_scale(std::string_view weight) {
  constexpr std::string_view kWeight = ".weight";
  if (!weight.ends_with(kWeight)) return {};
  return std::string(weight.substr(0, weight.size() - kWeight.size())) + ".scale";
}

std::vector<double> scales_of(const gguf::File& file, const gguf::Tensor& weight) {
  const std::string name = name_of_scale(weight.name);
  const gguf::Tensor* tensor = name.empty() ? nullptr : file.find_tensor(name);
  if (tensor == nullptr || tensor->type->is_quantized() || !tensor->type->is_decodable()) return {};
  const std::uint64_t matrices = weight.ne.size() < 3 ? 1 : weight.ne[2];
  if (tensor->values() != 1 && tensor->values() != matrices) return {};
  std::vector<double> scales(static_cast<std::size_t>(tensor->values()));
  quant::decode_exact(*tensor->type, tensor->data.data(), scales.size(), scales.data());
  return scales;
}

}  // namespace assay::model
