#include "recipe/quantize.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "base/threads.h"
#include "gguf/tensor_infos.h"
#include "gguf/writer.h"

namespace assay::recipe {
namespace {

constexpr std::uint32_t kQuantizationVersion = 2;
constexpr std::uint64_t kChunkValues = 1U << 14;
constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

/// The bits of the largest magnitude, infinities and NaN above all.
std::uint32_t largest_bits(const std::vector<float>& row) {
  std::uint32_t largest = 0;
  for (const float value : row) largest = std::max(largest, std::bit_cast<std::uint32_t>(value) & 0x7FFFFFFFU);
  return largest;
}

/// Stops a run from inside the writer.
struct Stopped {};

/// Quantizes the rows of one tensor, shared by the threads of a team.
class TensorJob {
 public:
  TensorJob(const Item& item, const std::vector<float>& importance, std::vector<std::byte>& out)
      : tensor_(*item.tensor),
        type_(*item.type),
        importance_(importance),
        row_bytes_(static_cast<std::size_t>(tensor_.ne[0] / type_.block_values) * type_.block_bytes),
        chunk_rows_(std::max<std::uint64_t>(1, kChunkValues / tensor_.ne[0])),
        out_(out) {
    out_.resize(static_cast<std::size_t>(item.size_bytes()));
  }

  /// `on_rows(done)` on the first thread; false stops all.
  template <typename OnRows>
  void work(const Team& team, OnRows on_rows) {
    std::vector<float> row(static_cast<std::size_t>(tensor_.ne[0]));
    for (;;) {
      const std::uint64_t first = next_.fetch_add(chunk_rows_);
      if (first >= tensor_.rows()) return;
      const std::uint64_t end = std::min(first + chunk_rows_, tensor_.rows());
      for (std::uint64_t index = first; index < end; ++index) encode(index, row);
      if (team.thread == 0 && !on_rows(std::min(next_.load(), tensor_.rows()))) {
        was_stopped_ = true;
        next_ = tensor_.rows();
      }
    }
  }

  void finish(const std::string& file) const {
    if (was_stopped_) throw Stopped();
    if (bad_row_ == kNone) return;
    throw Error(ErrorKind::input,
                fmt::format("{}: tensor '{}', row {}: a value is not finite, or too large for {}", file,
                            printable(tensor_.name), bad_row_.load(), type_.name),
                fmt::format("Look at it: assay inspect {} {} --stats. BF16 and F32 hold what F16 scales cannot.", file,
                            printable(tensor_.name)));
  }

 private:
  void encode(std::uint64_t index, std::vector<float>& row) {
    constexpr std::uint32_t kInfinity = 0x7F800000;
    constexpr std::uint32_t kLargestHalf = 0x477FE000;
    tensor_.type->decode(tensor_.row(index).data(), row.size() / tensor_.type->block_values, row.data());
    const std::uint32_t largest = largest_bits(row);
    std::byte* blocks = out_.data() + index * row_bytes_;
    const std::uint64_t matrix = index / (tensor_.ne.size() > 1 ? tensor_.ne[1] : 1);
    type_.encode(row.data(), row.size(), importance_.empty() ? nullptr : importance_.data() + matrix * row.size(),
                 blocks);
    const std::size_t block_count = row.size() / type_.block_values;
    const bool is_bad =
        largest >= kInfinity ||
        (largest > kLargestHalf && quant::find_non_finite_block(type_, blocks, block_count) != block_count);
    if (!is_bad) return;
    std::uint64_t seen = bad_row_;
    while (index < seen && !bad_row_.compare_exchange_weak(seen, index)) {
    }
  }

  const gguf::Tensor& tensor_;
  const quant::Type& type_;
  const std::vector<float>& importance_;
  std::size_t row_bytes_;
  std::uint64_t chunk_rows_;
  std::vector<std::byte>& out_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> bad_row_{kNone};
  std::atomic<bool> was_stopped_{false};
};

gguf::Writer start_file(const gguf::File& file, const Recipe& recipe, const WriteOptions& options) {
  constexpr std::string_view kVersionKey = "general.quantization_version";
  constexpr std::string_view kTypeKey = "general.file_type";
  gguf::Writer writer;
  for (const auto& [key, value] : file.metadata()) {
    if (key == kVersionKey || key == kTypeKey || key.starts_with("split.") || key.starts_with("quantize.imatrix."))
      continue;
    writer.add(key, value);
  }
  writer.add_uint(kVersionKey, kQuantizationVersion);
  writer.add_uint(kTypeKey, recipe.file_type);
  if (options.importance != nullptr) {
    writer.add_string("quantize.imatrix.file", options.importance_file);
    if (!options.importance->dataset.empty())
      writer.add_string("quantize.imatrix.dataset", options.importance->dataset);
    writer.add_uint("quantize.imatrix.entries_count", static_cast<std::uint32_t>(options.importance->entries.size()));
    if (options.importance->chunks > 0) writer.add_uint("quantize.imatrix.chunks_count", options.importance->chunks);
  }
  for (const Item& item : recipe.items) writer.add_tensor(item.tensor->name, *item.type, item.tensor->ne);
  return writer;
}

/// Whether there is an importance for the tensor. The embedding may have one of another shape: it is looked up, and
/// multiplied only where it is the output matrix too.
bool find_importance(const gguf::File& file, const gguf::Tensor& tensor, const Importance* importance) {
  if (importance == nullptr) return false;
  const auto found = importance->entries.find(tensor.name);
  if (found == importance->entries.end()) return false;
  const std::uint64_t matrices = tensor.ne.size() > 2 ? tensor.ne[2] : 1;
  if (found->second.sums.size() == tensor.ne[0] * matrices) return true;
  if (tensor.name == "token_embd.weight") return false;
  throw Error(ErrorKind::input,
              fmt::format("{}: tensor '{}' has {} columns, the importance matrix {} values", file.name(),
                          printable(tensor.name), tensor.ne[0] * matrices, found->second.sums.size()),
              "The importance matrix is of another model.");
}

void check_item(const gguf::File& file, const Item& item, const ChoiceRules& rules, bool may_requantize) {
  if (item.is_copied()) return;
  const gguf::Tensor& tensor = *item.tensor;
  if (!tensor.type->is_decodable()) {
    throw Error(ErrorKind::unsupported, fmt::format("{}: tensor '{}' is {}, which cannot be decoded", file.name(),
                                                    printable(tensor.name), tensor.type->name));
  }
  if (tensor.type->is_quantized() && !may_requantize) {
    throw Error(ErrorKind::usage,
                fmt::format("{}: tensor '{}' is {} already", file.name(), printable(tensor.name), tensor.type->name),
                "Start from the F16, BF16 or F32 file, or pass --allow-requantize: the errors of both types add up.");
  }
  const bool is_first_or_last = tensor.name == "token_embd.weight" || tensor.name == "output.weight";
  if (rules.mix->name == "Q2_K_S" && item.type->name == "Q2_K" && !is_first_or_last && !item.has_importance) {
    throw Error(
        ErrorKind::usage, fmt::format("Q2_K_S: no importance for tensor '{}'", printable(tensor.name)),
        "Make one: assay imatrix MODEL --text FILE -o imatrix.gguf, then --imatrix imatrix.gguf. Or take Q2_K.");
  }
}

}  // namespace

std::uint64_t Item::size_bytes() const { return *gguf::tensor_bytes(*type, tensor->ne); }

std::uint64_t Recipe::values() const {
  std::uint64_t sum = 0;
  for (const Item& item : items) sum += item.tensor->values();
  return sum;
}

std::uint64_t Recipe::size_bytes() const {
  std::uint64_t sum = 0;
  for (const Item& item : items) sum += item.size_bytes();
  return sum;
}

Recipe make_recipe(const gguf::File& file, const ChoiceRules& rules, const Importance* importance,
                   bool may_requantize) {
  const std::vector<const gguf::Tensor*> tensors = in_layer_order(file);
  const std::vector<Choice> choices = choose_types(file, tensors, rules);
  Recipe recipe = {rules.mix->file_type, {}};
  bool is_used = importance == nullptr;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Choice& choice = choices[i];
    const bool has_importance = choice.type != tensors[i]->type && find_importance(file, *tensors[i], importance);
    recipe.items.push_back({tensors[i], choice.type, choice.is_fallback, has_importance});
    check_item(file, recipe.items.back(), rules, may_requantize);
    is_used = is_used || has_importance;
  }
  if (!is_used) {
    throw Error(ErrorKind::usage,
                fmt::format("{}: no tensor that is quantized stands in the importance matrix", file.name()),
                "The importance matrix is of another model, or nothing is left to quantize.");
  }
  return recipe;
}

bool write_quantized(const gguf::File& file, const Recipe& recipe, const WriteOptions& options,
                     const std::filesystem::path& path) {
  const gguf::Writer writer = start_file(file, recipe, options);
  std::vector<std::byte> out;
  std::uint64_t done = 0;
  const auto data_of = [&](std::size_t index) -> std::span<const std::byte> {
    const Item& item = recipe.items[index];
    const auto report = [&](std::uint64_t rows) {
      return !options.on_progress || options.on_progress(done + rows * item.tensor->ne[0]);
    };
    std::span<const std::byte> data = item.tensor->data;
    if (item.is_copied()) {
      if (!report(item.tensor->rows())) throw Stopped();
    } else {
      std::vector<float> importance;
      if (item.has_importance) importance = options.importance->entries.find(item.tensor->name)->second.means();
      TensorJob job(item, importance, out);
      const std::uint64_t chunks = item.tensor->values() / kChunkValues + 1;
      const int threads =
          static_cast<int>(std::min<std::uint64_t>(static_cast<std::uint64_t>(options.threads), chunks));
      run_team(threads, [&](const Team& team) { job.work(team, report); });
      job.finish(file.name());
      data = out;
    }
    done += item.tensor->values();
    return data;
  };
  try {
    writer.write(path, data_of);
  } catch (const Stopped&) {
    return false;
  }
  return true;
}

}  // namespace assay::recipe
