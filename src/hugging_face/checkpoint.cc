#include "hugging_face/checkpoint.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/text.h"
#include "hugging_face/names.h"

namespace assay::hugging_face {
namespace {

using gguf::SafeTensor;
using Tensors = std::map<std::string, CheckpointTensor, std::less<>>;
using Use = CheckpointTensor::Use;

constexpr const char* kTableName = "token_embd.weight";
constexpr const char* kHeadName = "output.weight";

class Reader {
 public:
  Reader(const std::string& source, const std::vector<gguf::SafetensorsFile>& shards) : source_(source) {
    for (const gguf::SafetensorsFile& shard : shards) {
      for (const SafeTensor& tensor : shard.tensors()) {
        by_name_.emplace(tensor.name, &tensor);
        habits_.see(tensor.name);
      }
    }
  }

  Tensors read() {
    for (const auto& [name, tensor] : by_name_) {
      if (!is_scales(name)) add(*tensor);
    }
    stack_experts();
    split_gates();
    split_shared_gates();
    split_latent();
    name_tied_matrix();
    return std::move(tensors_);
  }

 private:
  [[noreturn]] void refuse(std::string_view tensor, const std::string& problem, const std::string& hint = {}) const {
    throw Error(ErrorKind::input, fmt::format("{}: tensor '{}' {}", source_, printable(tensor), problem), hint);
  }

  const SafeTensor* find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }

  /// Whether there is a tensor that these are the scales of.
  bool is_scales(std::string_view name) const {
    const auto owner = name_of_scaled(name);
    return owner && find(*owner) != nullptr;
  }

  const SafeTensor* scales_of(const SafeTensor& tensor) const {
    for (const std::string& name : names_of_scales(tensor.name)) {
      if (const SafeTensor* scales = find(name)) return scales;
    }
    return nullptr;
  }

  void add(const SafeTensor& tensor) {
    const bool is_unused = is_needless(tensor.name, habits_);
    const auto place = is_unused ? std::nullopt : place_of(tensor.name, habits_);
    if (tensor.data.empty()) {
      if (!place) return;
      refuse(tensor.name, "is empty");
    }
    const SafeTensor* scales = scales_of(tensor);
    const auto shape = shape_of(tensor, scales);
    if (!shape) {
      refuse(scales->name,
             fmt::format("[{}] are no scales of a tensor [{}]", fmt::join(scales->shape, ", "),
                         fmt::join(tensor.shape, ", ")),
             "There must be one of it all, of each row, or of blocks whose lengths are powers of two.");
    }
    CheckpointTensor made{.name = place ? place->name : tensor.name,
                          .file_name = tensor.name,
                          .shape = *shape,
                          .parts = {whole_matrix(tensor, scales)},
                          .use = is_unused ? Use::needless
                                 : place   ? Use::known
                                           : Use::unknown};
    if (place && place->expert) {
      if (!experts_[made.name].emplace(*place->expert, std::move(made)).second) refuse(tensor.name, "is there twice");
      return;
    }
    put(std::move(made));
  }

  void put(CheckpointTensor tensor) {
    const auto [place, is_new] = tensors_.emplace(tensor.name, CheckpointTensor{});
    if (!is_new) refuse(tensor.file_name, fmt::format("is {}, which another is too", printable(tensor.name)));
    place->second = std::move(tensor);
  }

  void stack_experts() {
    for (auto& [name, numbered] : experts_) {
      CheckpointTensor stack = numbered.begin()->second;
      stack.parts.clear();
      for (const auto& [number, tensor] : numbered) {
        const CheckpointTensor& first = numbered.begin()->second;
        if (number != stack.parts.size()) {
          refuse(tensor.file_name, fmt::format("is there, but that of expert {} is not", stack.parts.size()));
        }
        if (tensor.shape != first.shape || tensor.parts[0].type() != first.parts[0].type()) {
          refuse(tensor.file_name,
                 fmt::format("is {} [{}], that of another expert {} [{}]", tensor.parts[0].type(),
                             fmt::join(tensor.shape, ", "), first.parts[0].type(), fmt::join(first.shape, ", ")));
        }
        stack.parts.push_back(tensor.parts[0]);
      }
      stack.shape.insert(stack.shape.begin(), stack.parts.size());
      put(std::move(stack));
    }
  }

  /// Names of layers' tensors with this ending, without it: "blk.3.".
  std::vector<std::string> layers_with(std::string_view ending) const {
    std::vector<std::string> layers;
    for (const auto& [name, tensor] : tensors_) {
      if (name.ends_with(ending)) layers.push_back(name.substr(0, name.size() - ending.size()));
    }
    return layers;
  }

  CheckpointTensor take(const std::string& name) { return std::move(tensors_.extract(name).mapped()); }

  /// [experts, gates and ups, width] become two tensors. gpt-oss lets them alternate; elsewhere all gates come first.
  /// Which of the last two dimensions holds them is told by the other matrices of the experts, [experts, width,
  /// length].
  void split_gates() {
    for (const std::string& layer : layers_with("ffn_gate_up_exps.weight")) {
      CheckpointTensor both = take(layer + "ffn_gate_up_exps.weight");
      const auto found = tensors_.find(layer + "ffn_down_exps.weight");
      if (found == tensors_.end()) refuse(both.file_name, "is there, but no experts.down_proj of its layer");
      CheckpointTensor& down = found->second;
      if (both.shape.size() != 3 || down.shape.size() != 3 || both.shape[0] != down.shape[0]) {
        refuse(both.file_name, "is not of as many experts as down_proj");
      }
      const bool is_transposed = both.shape[1] == down.shape[2] && both.shape[2] / 2 == down.shape[1];
      if (is_transposed) {
        transpose(both);
        transpose(down);
      }
      if (both.shape[1] % 2 != 0 || both.shape[1] / 2 != down.shape[2] || both.shape[2] != down.shape[1]) {
        refuse(both.file_name, fmt::format("[{}] does not fit to down_proj [{}]", fmt::join(both.shape, ", "),
                                           fmt::join(down.shape, ", ")));
      }
      put(half(both, layer + "ffn_gate_exps.weight", false));
      put(half(both, layer + "ffn_up_exps.weight", true));
    }
    for (const std::string& layer : layers_with("ffn_gate_up_exps.bias")) {
      CheckpointTensor both = take(layer + "ffn_gate_up_exps.bias");
      if (both.shape.size() != 2 || both.shape[1] % 2 != 0) refuse(both.file_name, "is no bias of gates and ups");
      // A value is a row of its expert.
      both.shape.push_back(1);
      split_matrices(both, both.shape[1], 1, 1, 1);
      for (const bool is_up : {false, true}) {
        CheckpointTensor one = half(both, layer + (is_up ? "ffn_up_exps.bias" : "ffn_gate_exps.bias"), is_up);
        one.shape.pop_back();
        put(std::move(one));
      }
    }
  }

  void check_count(std::string_view tensor, std::uint64_t matrices) const {
    constexpr std::uint64_t kMost = 1U << 16U;
    if (matrices > kMost) refuse(tensor, fmt::format("would be {} matrices", matrices));
  }

  /// The same of an expert that all tokens use, [gates and ups, width].
  void split_shared_gates() {
    for (const std::string& layer : layers_with("ffn_gate_up_shexp.weight")) {
      const CheckpointTensor both = take(layer + "ffn_gate_up_shexp.weight");
      if (both.shape.size() != 2 || both.shape[0] % 2 != 0) refuse(both.file_name, "is no matrix of gates and ups");
      for (const bool is_up : {false, true}) {
        CheckpointTensor one = both;
        one.name = layer + (is_up ? "ffn_up_shexp.weight" : "ffn_gate_shexp.weight");
        one.shape[0] /= 2;
        Matrix& part = one.parts[0];
        part.rows /= 2;
        if (is_up) part.first += part.rows * part.row_step;
        put(std::move(one));
      }
    }
  }

  /// One tensor [matrices, ...] as parts [rows, columns] of each of its matrices.
  void split_matrices(CheckpointTensor& tensor, std::uint64_t rows, std::uint64_t columns, std::uint64_t row_step,
                      std::uint64_t column_step) const {
    if (tensor.parts.size() != 1) refuse(tensor.file_name, "is neither one tensor nor one an expert");
    check_count(tensor.file_name, tensor.shape[0]);
    const Matrix all = tensor.parts[0];
    tensor.parts.clear();
    for (std::uint64_t i = 0; i < tensor.shape[0]; ++i) {
      Matrix part = all;
      part.first = i * rows * columns;
      part.rows = rows;
      part.columns = columns;
      part.row_step = row_step;
      part.column_step = column_step;
      tensor.parts.push_back(part);
    }
  }

  void transpose(CheckpointTensor& tensor) const {
    if (tensor.parts[0].is_mxfp4()) refuse(tensor.file_name, "has its blocks across the rows");
    std::swap(tensor.shape[1], tensor.shape[2]);
    split_matrices(tensor, tensor.shape[1], tensor.shape[2], 1, tensor.shape[1]);
  }

  /// The gates' rows, or the others.
  CheckpointTensor half(CheckpointTensor tensor, std::string name, bool is_second) const {
    tensor.name = std::move(name);
    if (tensor.parts.size() != tensor.shape[0]) {
      split_matrices(tensor, tensor.shape[1], tensor.shape[2], tensor.shape[2], 1);
    }
    tensor.shape[1] /= 2;
    for (Matrix& part : tensor.parts) {
      part.rows /= 2;
      if (is_second) part.first += (habits_.has_sinks ? 1 : part.rows) * part.row_step;
      if (habits_.has_sinks) part.row_step *= 2;
    }
    return tensor;
  }

  /// DeepSeek's kv_b_proj: of each head the rows that make its keys, then those that make its values. GGUF has the
  /// first transposed, because the queries are multiplied with them. With K key and V value rows a head, H heads and R
  /// rotated channels: q has H (K + R) rows, o has H V columns, kv_a_proj R rows more than kv_b_proj columns.
  void split_latent() {
    for (const std::string& layer : layers_with("attn_kv_b.weight")) {
      const CheckpointTensor both = take(layer + "attn_kv_b.weight");
      const CheckpointTensor* q = find_matrix(layer + "attn_q_b.weight");
      if (q == nullptr) q = find_matrix(layer + "attn_q.weight");
      const CheckpointTensor* latent = find_matrix(layer + "attn_kv_a_mqa.weight");
      const CheckpointTensor* output = find_matrix(layer + "attn_output.weight");
      if (q == nullptr || latent == nullptr || output == nullptr || both.shape.size() != 2) {
        refuse(both.file_name, "is there, but not all of q, kv_a_proj_with_mqa and o of its layer");
      }
      const auto fail = [&] {
        refuse(both.file_name, fmt::format("[{}] does not fit to q, kv_a_proj_with_mqa and o, [{}], [{}] and [{}]",
                                           fmt::join(both.shape, ", "), fmt::join(q->shape, ", "),
                                           fmt::join(latent->shape, ", "), fmt::join(output->shape, ", ")));
      };
      const std::uint64_t rows = both.shape[0];
      const std::uint64_t width = both.shape[1];
      const std::uint64_t of_values = output->shape[1];
      if (latent->shape[0] <= width || of_values >= rows || q->shape[0] <= rows - of_values) fail();
      const std::uint64_t rotated = latent->shape[0] - width;
      const std::uint64_t heads = (q->shape[0] - (rows - of_values)) / rotated;
      if (heads == 0 || heads * rotated != q->shape[0] - (rows - of_values) || rows % heads != 0 ||
          of_values % heads != 0) {
        fail();
      }
      check_count(both.file_name, heads);
      const std::uint64_t keys = (rows - of_values) / heads;
      const std::uint64_t values = of_values / heads;
      CheckpointTensor k{layer + "attn_k_b.weight", both.file_name, {heads, width, keys}, {}};
      CheckpointTensor v{layer + "attn_v_b.weight", both.file_name, {heads, values, width}, {}};
      for (std::uint64_t head = 0; head < heads; ++head) {
        Matrix part = both.parts[0];
        part.first = head * (keys + values) * width;
        part.rows = width;
        part.columns = keys;
        part.row_step = 1;
        part.column_step = width;
        k.parts.push_back(part);
        part.first += keys * width;
        part.rows = values;
        part.columns = width;
        part.row_step = width;
        part.column_step = 1;
        v.parts.push_back(part);
      }
      put(std::move(k));
      put(std::move(v));
    }
  }

  const CheckpointTensor* find_matrix(const std::string& name) const {
    const auto found = tensors_.find(name);
    return found == tensors_.end() || found->second.shape.size() != 2 ? nullptr : &found->second;
  }

  /// A tied matrix may stand under either name; GGUF has it under the embedding's.
  void name_tied_matrix() {
    if (tensors_.count(kTableName) > 0) return;
    auto head = tensors_.extract(kHeadName);
    if (head.empty()) return;
    head.key() = head.mapped().name = kTableName;
    tensors_.insert(std::move(head));
  }

  const std::string& source_;
  std::map<std::string_view, const SafeTensor*> by_name_;
  Habits habits_;
  Tensors tensors_;
  std::map<std::string, std::map<std::size_t, CheckpointTensor>> experts_;
};

}  // namespace

void CheckpointTensor::read(std::uint64_t first, std::size_t count, double* values) const {
  const std::uint64_t columns = parts[0].columns;
  const std::uint64_t rows = parts[0].rows;
  while (count > 0) {
    const std::uint64_t row = first / columns;
    const std::uint64_t column = first % columns;
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(count, columns - column));
    parts[static_cast<std::size_t>(row / rows)].read(row % rows, column, some, values);
    first += some;
    count -= some;
    values += some;
  }
}

Tensors read_checkpoint(const std::string& source, const std::vector<gguf::SafetensorsFile>& shards) {
  return Reader(source, shards).read();
}

}  // namespace assay::hugging_face
