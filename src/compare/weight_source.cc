#include "compare/weight_source.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "hugging_face/names.h"
#include "hugging_face/shards.h"
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
    const auto& matrices = std::get<std::vector<const gguf::SafeTensor*>>(data);
    const std::size_t rows_of_one = rows / matrices.size();
    while (count > 0) {
      const std::size_t row = first % rows_of_one;
      const std::size_t some = std::min(count, rows_of_one - row);
      gguf::read_values(*matrices[first / rows_of_one], std::uint64_t{row} * columns, some * columns, values);
      first += some;
      count -= some;
      values += some * columns;
    }
  }
}

WeightSource::WeightSource(gguf::File file) : name_(file.name()), gguf_(std::move(file)) {
  for (const gguf::Tensor& tensor : gguf_->tensors()) {
    WeightTensor weight = with_shape(std::string(tensor.name), tensor.name, tensor.type->name,
                                     {tensor.ne.rbegin(), tensor.ne.rend()}, tensor.type->is_quantized());
    weight.data = &tensor;
    tensors_.emplace(weight.name, std::move(weight));
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
  bool has_post_norms = false;
  for (const gguf::SafetensorsFile& shard : source.shards_) {
    for (const gguf::SafeTensor& tensor : shard.tensors()) {
      has_post_norms = has_post_norms || hugging_face::says_post_norms(tensor.name);
    }
  }
  for (const gguf::SafetensorsFile& shard : source.shards_) {
    for (const gguf::SafeTensor& tensor : shard.tensors()) source.add(tensor, has_post_norms);
  }
  source.stack_experts();
  source.name_tied_matrix();
  return source;
}

void WeightSource::add(const gguf::SafeTensor& tensor, bool has_post_norms) {
  if (tensor.data.empty()) return;
  const auto place = hugging_face::place_of(tensor.name, has_post_norms);
  const std::string name = place ? place->name : tensor.name;
  bool is_new = false;
  if (place && place->expert) {
    is_new = experts_[name].emplace(*place->expert, &tensor).second;
  } else {
    WeightTensor weight = with_shape(name, tensor.name, gguf::name(tensor.dtype), tensor.shape, false);
    weight.data = std::vector{&tensor};
    is_new = tensors_.emplace(name, std::move(weight)).second;
  }
  if (!is_new) {
    throw Error(ErrorKind::input, fmt::format("{}: two tensors are {}", name_, printable(name)),
                "Do the files in the folder belong to one model?");
  }
}

void WeightSource::stack_experts() {
  for (const auto& [name, numbered] : experts_) {
    const gguf::SafeTensor& first = *numbered.begin()->second;
    std::vector<std::uint64_t> shape = first.shape;
    shape.insert(shape.begin(), numbered.size());
    WeightTensor weight = with_shape(name, first.name, gguf::name(first.dtype), shape, false);
    std::vector<const gguf::SafeTensor*> matrices;
    for (const auto& [number, tensor] : numbered) {
      if (tensor->shape != first.shape) {
        throw Error(ErrorKind::input, fmt::format("{}: tensors '{}' and '{}' differ in shape", name_,
                                                  printable(first.name), printable(tensor->name)));
      }
      matrices.push_back(tensor);
    }
    weight.data = std::move(matrices);
    tensors_.emplace(name, std::move(weight));
  }
}

void WeightSource::name_tied_matrix() {
  if (tensors_.count(kTableName) > 0) return;
  auto head = tensors_.extract(kHeadName);
  if (head.empty()) return;
  head.key() = head.mapped().name = kTableName;
  tensors_.insert(std::move(head));
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
