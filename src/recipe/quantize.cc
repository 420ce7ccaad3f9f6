#include "recipe/quantize.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <exception>
#include <limits>
#include <memory>
#include <optional>

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
constexpr std::uint64_t kGroupValues = 1U << 24;
constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

/// The bits of the largest magnitude, infinities and NaN above all.
std::uint32_t largest_bits(std::span<const float> row) {
  std::uint32_t largest = 0;
  for (const float value : row) largest = std::max(largest, std::bit_cast<std::uint32_t>(value) & 0x7FFFFFFFU);
  return largest;
}

/// Stops a run from inside the writer.
struct Stopped {};

/// Quantizes the rows of one tensor. Threads may encode different rows at once.
class TensorJob {
 public:
  TensorJob(const Item& item, std::vector<float> importance)
      : tensor_(*item.tensor),
        type_(*item.type),
        importance_(std::move(importance)),
        row_bytes_(static_cast<std::size_t>(tensor_.ne[0] / type_.block_values) * type_.block_bytes),
        out_(static_cast<std::size_t>(item.size_bytes())) {}

  const gguf::Tensor& tensor() const { return tensor_; }
  std::span<const std::byte> result() const { return out_; }

  void check(const std::string& file) const {
    if (bad_row_ == kNone) return;
    throw Error(ErrorKind::input,
                fmt::format("{}: tensor '{}', row {}: a value is not finite, or too large for {}{}", file,
                            printable(tensor_.name), bad_row_.load(), type_.name,
                            importance_.empty() ? "" : ", or its importance is too large"),
                fmt::format("Look at it: assay inspect {} {} --stats. BF16 and F32 hold what F16 scales cannot.", file,
                            printable(tensor_.name)));
  }

  /// `row` has the width of the tensor. Throws nothing.
  void encode(std::uint64_t index, std::span<float> row) {
    constexpr std::uint32_t kInfinity = 0x7F800000;
    constexpr std::uint32_t kLargestHalf = 0x477FE000;
    tensor_.type->decode(tensor_.row(index).data(), row.size() / tensor_.type->block_values, row.data());
    const std::uint32_t largest = largest_bits(row);
    if (largest >= kInfinity) return mark_bad(index);
    std::byte* blocks = out_.data() + index * row_bytes_;
    const std::uint64_t matrix = index / (tensor_.ne.size() > 1 ? tensor_.ne[1] : 1);
    const float* importance = importance_.empty() ? nullptr : importance_.data() + matrix * row.size();
    type_.encode(row.data(), row.size(), importance, blocks);
    // Only a large value, or an importance whose sums overflow, makes a scale that is not finite.
    if (largest <= kLargestHalf && importance == nullptr) return;
    const std::size_t block_count = row.size() / type_.block_values;
    if (quant::find_non_finite_block(type_, blocks, block_count) != block_count) mark_bad(index);
  }

 private:
  /// Keeps the first row that is bad.
  void mark_bad(std::uint64_t index) {
    std::uint64_t seen = bad_row_;
    while (index < seen && !bad_row_.compare_exchange_weak(seen, index)) {
    }
  }

  const gguf::Tensor& tensor_;
  const quant::Type& type_;
  std::vector<float> importance_;
  std::size_t row_bytes_;
  std::vector<std::byte> out_;
  std::atomic<std::uint64_t> bad_row_{kNone};
};

/// Consecutive tensors of a recipe that a team quantizes together: waiting for the last thread costs more than a small
/// tensor does.
class Group {
 public:
  Group(const gguf::File& file, const Recipe& recipe, const WriteOptions& options, std::size_t first)
      : file_(file), options_(options), first_(first) {
    std::uint64_t values = 0;
    for (std::size_t i = first; i < recipe.items.size() && values < kGroupValues; ++i) {
      const Item& item = recipe.items[i];
      jobs_.push_back(nullptr);
      if (item.is_copied()) continue;
      std::vector<float> importance;
      if (item.has_importance) importance = options.importance->entries.find(item.tensor->name)->second.means();
      jobs_.back() = std::make_unique<TensorJob>(item, std::move(importance));
      values += item.tensor->values();
      widest_ = std::max(widest_, static_cast<std::size_t>(item.tensor->ne[0]));
      const std::uint64_t rows = std::max<std::uint64_t>(1, kChunkValues / item.tensor->ne[0]);
      for (std::uint64_t row = 0; row < item.tensor->rows(); row += rows)
        chunks_.push_back({jobs_.back().get(), row, std::min(row + rows, item.tensor->rows())});
    }
  }

  bool holds(std::size_t index) const { return index - first_ < jobs_.size(); }
  /// Null for a tensor that is copied.
  const TensorJob* job(std::size_t index) const { return jobs_[index - first_].get(); }

  /// `done`: values of the tensors before.
  void run(std::uint64_t done) {
    if (chunks_.empty()) return;
    for_each_tensor(options_.before_tensor);
    const auto threads = std::min<std::size_t>(static_cast<std::size_t>(options_.threads), chunks_.size());
    rows_.assign(std::max<std::size_t>(threads, 1), std::vector<float>(widest_));
    run_team(static_cast<int>(threads), [&](const Team& team) { work(team, done); });
    if (failure_) std::rethrow_exception(failure_);
    if (was_stopped_) throw Stopped();
    for (const auto& job : jobs_)
      if (job != nullptr) job->check(file_.name());
    for_each_tensor(options_.after_tensor);
  }

 private:
  /// Those that are not copied.
  void for_each_tensor(const std::function<void(const gguf::Tensor&)>& call) const {
    if (!call) return;
    for (const auto& job : jobs_)
      if (job != nullptr) call(job->tensor());
  }

  struct Chunk {
    TensorJob* job;
    std::uint64_t first_row, end_row;
  };

  void work(const Team& team, std::uint64_t done) {
    const std::span<float> rows(rows_[static_cast<std::size_t>(team.thread)]);
    for (std::size_t at = next_++; at < chunks_.size() && !was_stopped_; at = next_++) {
      const Chunk& chunk = chunks_[at];
      const auto row = rows.first(static_cast<std::size_t>(chunk.job->tensor().ne[0]));
      for (std::uint64_t index = chunk.first_row; index < chunk.end_row; ++index) chunk.job->encode(index, row);
      const std::uint64_t values = done_ += (chunk.end_row - chunk.first_row) * row.size();
      if (team.thread == 0 && !report(done + values)) was_stopped_ = true;
    }
  }

  /// What on_progress throws waits until the team is back.
  bool report(std::uint64_t done) {
    try {
      return !options_.on_progress || options_.on_progress(done);
    } catch (...) {
      failure_ = std::current_exception();
      return false;
    }
  }

  const gguf::File& file_;
  const WriteOptions& options_;
  std::size_t first_;
  std::vector<std::unique_ptr<TensorJob>> jobs_;
  std::vector<Chunk> chunks_;
  std::size_t widest_ = 0;
  std::vector<std::vector<float>> rows_;  ///< a thread's row, decoded
  std::exception_ptr failure_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint64_t> done_{0};
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
  const std::uint64_t matrices = tensor.ne.size() > 1 ? tensor.rows() / tensor.ne[1] : 1;
  if (found->second.sums.size() == tensor.ne[0] * matrices) return true;
  if (tensor.name == "token_embd.weight") return false;
  throw Error(ErrorKind::input,
              fmt::format("{}: tensor '{}' has {} columns, the importance matrix {} values", file.name(),
                          printable(tensor.name), tensor.ne[0] * matrices, found->second.sums.size()),
              "The importance matrix is of another model.");
}

/// Types that few bits have left too coarse for weights that all count the same. The first and the last matrix are
/// seldom in an importance matrix: they only need one where the search knows no other way.
bool needs_importance(std::string_view tensor, std::string_view type, const ChoiceRules& rules) {
  if (type == "IQ1_S" || type == "IQ2_XXS" || type == "IQ2_XS") return true;
  if (tensor == "token_embd.weight" || tensor == "per_layer_token_embd.weight" || tensor == "output.weight")
    return false;
  if (type == "IQ1_M" || type == "IQ2_S" || type == "IQ3_XXS") return true;
  return type == "Q2_K" && rules.mix->name == "Q2_K_S";
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
  if (needs_importance(tensor.name, item.type->name, rules) && !item.has_importance) {
    throw Error(
        ErrorKind::usage,
        fmt::format("{}: no importance for tensor '{}', which becomes {}", rules.mix->name, printable(tensor.name),
                    item.type->name),
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
  const std::vector<Choice> choices = choose_types(file, tensors, rules, importance != nullptr);
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

Recipe keep_all(const gguf::File& file) {
  Recipe recipe = {static_cast<std::uint32_t>(file.get_uint("general.file_type").value_or(0)), {}};
  for (const gguf::Tensor& tensor : file.tensors()) recipe.items.push_back({&tensor, tensor.type, false, false});
  return recipe;
}

bool write_quantized(const gguf::File& file, const Recipe& recipe, const WriteOptions& options,
                     const std::filesystem::path& path) {
  const gguf::Writer writer = start_file(file, recipe, options);
  std::optional<Group> group;
  std::uint64_t done = 0;
  const gguf::Tensor* copied = nullptr;
  const auto data_of = [&](std::size_t index) -> std::span<const std::byte> {
    if (options.on_progress && !options.on_progress(done)) throw Stopped();
    if (copied != nullptr && options.after_tensor) options.after_tensor(*copied);
    copied = nullptr;
    if (!group || !group->holds(index)) {
      group.reset();  // before the next one takes memory
      group.emplace(file, recipe, options, index);
      group->run(done);
    }
    const Item& item = recipe.items[index];
    done += item.tensor->values();
    if (!item.is_copied()) return group->job(index)->result();
    copied = item.tensor;
    if (options.before_tensor) options.before_tensor(*copied);
    return copied->data;
  };
  try {
    writer.write(path, data_of);
  } catch (const Stopped&) {
    return false;
  }
  return true;
}

}  // namespace assay::recipe
