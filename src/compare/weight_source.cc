#include "compare/weight_source.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "hugging_face/shards.h"
#include "model/weight_scale.h"
#include "quant/type.h"

namespace assay::compare {
namespace {

/// A vector of single values stands upright, a value a row, because converters exchange values of biases like rows of
/// matrices.
WeightTensor with_shape(std::string name, std::string_view file_name, std::string_view type,
                        std::vector<std::uint64_t> shape, bool is_quantized) {
  if (shape.size() == 1 && !is_quantized) shape.push_back(1);
  WeightTensor tensor;
  tensor.name = std::move(name);
  tensor.file_name = file_name;
  tensor.type = type;
  tensor.columns = shape.empty() ? 1 : static_cast<std::size_t>(shape.back());
  std::uint64_t rows = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  tensor.rows = static_cast<std::size_t>(rows);
  if (shape.size() == 2 && shape[1] == 1) shape.pop_back();
  tensor.shape = std::move(shape);
  return tensor;
}

}  // namespace

bool WeightTensor::is_decodable() const { return gguf() == nullptr || gguf()->type->is_decodable(); }

const gguf::Tensor* WeightTensor::gguf() const {
  const auto* const* tensor = std::get_if<const gguf::Tensor*>(&data);
  return tensor == nullptr ? nullptr : *tensor;
}

void WeightTensor::read_rows(std::size_t first, std::size_t count, double* values) const {
  if (const gguf::Tensor* tensor = gguf()) {
    const quant::Type& format = *tensor->type;
    const std::byte* blocks = tensor->data.data() + first * columns / format.block_values * format.block_bytes;
    quant::decode_exact(format, blocks, count * columns / format.block_values, values);
  } else {
    std::get<hugging_face::CheckpointTensor>(data).read(std::uint64_t{first} * columns, count * columns, values);
  }
  if (factors.empty()) return;
  const std::size_t rows_of_factor = rows / factors.size();
  for (std::size_t i = 0; i < count * columns; ++i) values[i] *= factors[(first + i / columns) / rows_of_factor];
}

WeightSource::WeightSource(gguf::File file) : name_(file.name()), gguf_(std::move(file)) {
  for (const gguf::Tensor& tensor : gguf_->tensors()) {
    WeightTensor weight = with_shape(std::string(tensor.name), tensor.name, tensor.type->name,
                                     {tensor.ne.rbegin(), tensor.ne.rend()}, tensor.type->is_quantized());
    weight.data = &tensor;
    weight.factors = model::scales_of(*gguf_, tensor);
    tensors_.emplace(weight.name, std::move(weight));
  }
  for (const gguf::Tensor& tensor : gguf_->tensors()) {
    const auto weight = tensors_.find(std::string(tensor.name));
    if (weight != tensors_.end() && !weight->second.factors.empty()) tensors_.erase(model::name_of_scale(tensor.name));
  }
}

WeightSource WeightSource::from_safetensors(const std::filesystem::path& path) {
  WeightSource source;
  source.name_ = path.string();
  if (std::filesystem::is_directory(path)) {
    source.shards_ = hugging_face::open_shards(path);
  } else {
    source.shards_.push_back(gguf::SafetensorsFile::open(path));
  }
  for (auto& [name, tensor] : hugging_face::read_checkpoint(source.name_, source.shards_)) {
    if (tensor.parts[0].tensor->data.empty()) continue;
    WeightTensor weight =
        with_shape(name, tensor.file_name, tensor.parts[0].type(), tensor.shape, tensor.parts[0].is_mxfp4());
    weight.is_needless = tensor.use == hugging_face::CheckpointTensor::Use::needless;
    weight.data = std::move(tensor);
    source.tensors_.emplace(name, std::move(weight));
  }
  return source;
}

std::string WeightSource::architecture() const {
  return gguf_ ? std::string(gguf_->get_string("general.architecture").value_or("")) : "";
}

std::optional<std::size_t> WeightSource::head_width() const {
  if (!gguf_) return std::nullopt;
  const std::string prefix = architecture() + ".";
  if (const auto width = gguf_->get_uint(prefix + "attention.key_length")) return static_cast<std::size_t>(*width);
  const auto embedding = gguf_->get_uint(prefix + "embedding_length");
  const auto heads = gguf_->get_uint(prefix + "attention.head_count");
  if (!embedding || !heads || *heads == 0) return std::nullopt;
  return static_cast<std::size_t>(*embedding / *heads);
}

}  // namespace assay::compare
