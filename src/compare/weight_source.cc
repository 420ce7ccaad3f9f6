#include "compare/weight_source.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "quant/type.h"

namespace assay::compare {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr Pair kOutside[] = {{"embed_tokens", "token_embd"}, {"norm", "output_norm"}, {"lm_head", "output"}};

constexpr Pair kInLayer[] = {
    {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},      {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},      {"self_attn.qkv_proj", "attn_qkv"},  {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"}, {"self_attn.k_norm", "attn_k_norm"}, {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},           {"mlp.gate_up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},       {"mlp.gate", "ffn_gate_inp"},        {"block_sparse_moe.gate", "ffn_gate_inp"},
};

/// Of layers with four norms, before the others.
constexpr Pair kFourNorms[] = {{"post_attention_layernorm", "post_attention_norm"},
                               {"pre_feedforward_layernorm", "ffn_norm"},
                               {"post_feedforward_layernorm", "post_ffw_norm"}};

std::optional<std::string_view> find(std::span<const Pair> table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Pair& pair) { return pair.first == name; });
  if (found == table.end()) return std::nullopt;
  return found->second;
}

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

std::optional<std::string> gguf_tensor_name(std::string_view name, bool has_four_norms) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view kind = name.substr(dot);
  if (kind != ".weight" && kind != ".bias") return std::nullopt;
  name = name.substr(0, dot);
  for (const std::string_view prefix : {"language_model.", "model.", "language_model."}) {
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  }
  if (const auto outside = find(kOutside, name)) return fmt::format("{}{}", *outside, kind);
  constexpr std::string_view kLayers = "layers.";
  if (!name.starts_with(kLayers)) return std::nullopt;
  name.remove_prefix(kLayers.size());
  const std::size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
  if (digits == 0 || digits == name.size() || name[digits] != '.') return std::nullopt;
  const std::string_view layer = name.substr(0, digits);
  name.remove_prefix(digits + 1);
  auto in_layer = has_four_norms ? find(kFourNorms, name) : std::nullopt;
  if (!in_layer) in_layer = find(kInLayer, name);
  if (!in_layer) return std::nullopt;
  return fmt::format("blk.{}.{}{}", layer, *in_layer, kind);
}

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
    gguf::read_values(*std::get<const gguf::SafeTensor*>(data), std::uint64_t{first} * columns, count * columns,
                      values);
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
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    if (files.empty()) {
      throw Error(ErrorKind::input, fmt::format("{}: a folder without *.safetensors files", path.string()));
    }
  } else {
    files.push_back(path);
  }
  for (const auto& file : files) source.shards_.push_back(gguf::SafetensorsFile::open(file));
  bool has_four_norms = false;
  for (const gguf::SafetensorsFile& shard : source.shards_) {
    for (const gguf::SafeTensor& tensor : shard.tensors()) {
      has_four_norms = has_four_norms || tensor.name.find("pre_feedforward_layernorm") != std::string::npos;
    }
  }
  for (const gguf::SafetensorsFile& shard : source.shards_) {
    for (const gguf::SafeTensor& tensor : shard.tensors()) source.add(tensor, has_four_norms);
  }
  source.name_tied_matrix();
  return source;
}

void WeightSource::add(const gguf::SafeTensor& tensor, bool has_four_norms) {
  if (tensor.data.empty()) return;
  WeightTensor weight = with_shape(gguf_tensor_name(tensor.name, has_four_norms).value_or(tensor.name), tensor.name,
                                   gguf::name(tensor.dtype), tensor.shape, false);
  weight.data = &tensor;
  const std::string name = weight.name;
  if (!tensors_.emplace(name, std::move(weight)).second) {
    throw Error(ErrorKind::input, fmt::format("{}: two tensors are {}", name_, printable(name)),
                "Do the files in the folder belong to one model?");
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
