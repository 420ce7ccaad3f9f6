#include "compare/summary.h"

#include <algorithm>
#include <map>
#include <utility>

#include "gguf/file_type.h"

namespace assay::compare {

ModelSummary summarize_model(std::string name, const gguf::File& file) {
  ModelSummary summary;
  summary.model = std::move(name);
  summary.architecture = file.get_string("general.architecture").value_or("");
  summary.size_bytes = file.size_bytes();
  std::map<std::string_view, std::size_t> bytes_of_type;
  std::size_t bytes = 0;
  std::uint64_t values = 0;
  for (const gguf::Tensor& tensor : file.tensors()) {
    bytes_of_type[tensor.type->name] += tensor.data.size();
    bytes += tensor.data.size();
    values += tensor.values();
  }
  if (values > 0) summary.bits_per_weight = 8.0 * static_cast<double>(bytes) / static_cast<double>(values);
  const auto file_type = file.get_uint("general.file_type");
  const auto type_name = file_type ? gguf::file_type_name(*file_type) : std::nullopt;
  if (type_name) {
    summary.file_type = *type_name;
  } else if (!bytes_of_type.empty()) {
    summary.file_type = std::max_element(bytes_of_type.begin(), bytes_of_type.end(), [](const auto& a, const auto& b) {
                          return a.second < b.second;
                        })->first;
  }
  return summary;
}

}  // namespace assay::compare
