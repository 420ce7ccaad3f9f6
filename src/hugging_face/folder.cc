#include "hugging_face/folder.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/reserved_memory.h"
#include "base/text.h"
#include "gguf/safetensors.h"
#include "gguf/tensor_infos.h"
#include "gguf/writer.h"
#include "hugging_face/checkpoint.h"
#include "hugging_face/family.h"
#include "hugging_face/hyper_parameters.h"
#include "hugging_face/shards.h"
#include "hugging_face/special_tokens.h"
#include "hugging_face/vocabulary.h"

namespace assay::hugging_face {
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxTokenizerBytes = std::size_t{256} << 20;
/// Of data inside a GGUF file; what lies otherwise is copied.
constexpr std::uint64_t kAlignment = 32;
constexpr std::uint64_t kMinAlignment = 8;

/// How one tensor comes about.
struct Rule {
  std::string name;
  const CheckpointTensor* source = nullptr;  ///< null: `values`
  std::vector<float> values;
  const quant::Type* type = nullptr;
  std::size_t paired_heads = 0;  ///< of whose channels the halves become neighbours; 0: rows stay
  bool adds_one = false;
  std::uint64_t offset = 0;  ///< in the memory of made tensors

  std::vector<std::uint64_t> ne() const {
    if (source == nullptr) return {values.size()};
    return {source->shape.rbegin(), source->shape.rend()};
  }
  /// The source's bytes are the tensor's.
  bool is_view() const {
    return source != nullptr && source->parts.size() == 1 && source->parts[0].is_whole() && paired_heads == 0 &&
           !adds_one && type->name == source->parts[0].type() &&
           reinterpret_cast<std::uintptr_t>(source->parts[0].tensor->data.data()) % kMinAlignment == 0;
  }
};

/// Layers by their number, and what is outside of them around.
std::pair<std::uint64_t, std::string_view> order_of(const std::string& name) {
  if (!name.starts_with("blk.")) {
    return {name.starts_with("output") ? std::numeric_limits<std::uint64_t>::max() : 0, name};
  }
  return {1 + std::strtoull(name.c_str() + 4, nullptr, 10), name};
}

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return name.ends_with(end); });
}

/// The tensors of a GGUF file that are no matrices for its engines.
bool is_always_f32(const Rule& rule) {
  return rule.source->shape.size() < 2 || !rule.name.ends_with(".weight") ||
         ends_with_any(rule.name, {"_norm.weight", ".ffn_gate_inp.weight", ".ffn_gate_inp_shexp.weight"});
}

class Contents final : public TensorMaker {
 public:
  Contents(const std::filesystem::path& folder, const Family& family, const Settings& config)
      : folder_(folder.string()), family_(family), config_(config), shards_(open_shards(folder)) {
    tensors_ = read_checkpoint(folder_, shards_);
    for (const auto& [name, tensor] : tensors_) {
      if (tensor.use == CheckpointTensor::Use::needless) continue;
      if (tensor.use == CheckpointTensor::Use::unknown) {
        refuse(name, fmt::format("is not known in a {}", family_.name),
               "Adapters and other additions have to be merged into the model first.", ErrorKind::unsupported);
      }
      if (family_.drops_output_matrix && name == "output.weight") continue;
      complete(rules_[name], tensor);
    }
    const Rule* embedding = find("token_embd.weight");
    const bool is_tied = config_.flag("tie_word_embeddings").value_or(false);
    if (embedding == nullptr || (embedding->source->file_name.ends_with("lm_head.weight") && !is_tied)) {
      throw Error(ErrorKind::input, fmt::format("{}: there is no embed_tokens.weight", folder_),
                  "Is it a whole checkpoint of a language model?");
    }
  }

  void add(std::string name, std::vector<float> values) {
    Rule& rule = rules_[name];
    if (!rule.name.empty()) {
      throw Error(ErrorKind::input, fmt::format("{}: {} is a tensor and follows from config.json", folder_, name));
    }
    rule.name = std::move(name);
    rule.values = std::move(values);
    rule.type = quant::find_type("F32");
  }

  const Rule* find(std::string_view name) const {
    const auto found = rules_.find(name);
    return found == rules_.end() ? nullptr : &found->second;
  }

  /// Views of all tensors, in a file's order.
  std::vector<gguf::Tensor> tensors() {
    std::vector<Rule*> ordered;
    for (auto& [name, rule] : rules_) ordered.push_back(&rule);
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const Rule* a, const Rule* b) { return order_of(a->name) < order_of(b->name); });
    std::uint64_t made_bytes = 0;
    for (Rule* rule : ordered) {
      if (rule->is_view()) continue;
      rule->offset = made_bytes;
      made_bytes = gguf::align_up(made_bytes + *gguf::tensor_bytes(*rule->type, rule->ne()), kAlignment);
    }
    memory_.emplace(static_cast<std::size_t>(made_bytes));
    std::vector<gguf::Tensor> tensors;
    for (const Rule* rule : ordered) {
      gguf::Tensor tensor;
      tensor.name = rule->name;
      tensor.type = rule->type;
      tensor.ne = rule->ne();
      const auto size = static_cast<std::size_t>(*gguf::tensor_bytes(*rule->type, tensor.ne));
      tensor.data = rule->is_view() ? rule->source->parts[0].tensor->data
                                    : memory_->bytes().subspan(static_cast<std::size_t>(rule->offset), size);
      if (tensor.ne.size() == 1) make(tensor);
      tensors.push_back(std::move(tensor));
    }
    return tensors;
  }

  void make(const gguf::Tensor& tensor) override {
    const Rule& rule = *find(tensor.name);
    if (rule.is_view()) return;
    const std::span<std::byte> data =
        memory_->bytes().subspan(static_cast<std::size_t>(rule.offset), tensor.data.size());
    if (rule.source == nullptr) {
      std::memcpy(data.data(), rule.values.data(), data.size());
      return;
    }
    const std::vector<Matrix>& parts = rule.source->parts;
    const std::size_t size = data.size() / parts.size();
    for (std::size_t i = 0; i < parts.size(); ++i) fill(rule, parts[i], data.subspan(i * size, size));
  }

  void release(const gguf::Tensor& tensor) override {
    const Rule& rule = *find(tensor.name);
    if (tensor.ne.size() > 1 && !rule.is_view()) {
      memory_->give_back(static_cast<std::size_t>(rule.offset), tensor.data.size());
    }
  }

 private:
  [[noreturn]] void refuse(std::string_view tensor, const std::string& problem, const std::string& hint = {},
                           ErrorKind kind = ErrorKind::input) const {
    throw Error(kind, fmt::format("{}: tensor '{}' {}", folder_, printable(tensor), problem), hint);
  }

  /// Type and transforms, checked.
  void complete(Rule& rule, const CheckpointTensor& source) const {
    rule.name = source.name;
    rule.source = &source;
    if (source.shape.empty() || source.shape.size() > gguf::kMaxDimensions) {
      refuse(source.file_name, fmt::format("has {} dimensions", source.shape.size()));
    }
    const std::string_view stored = stored_type(source);
    rule.type = quant::find_type(is_always_f32(rule) ? "F32" : stored);
    rule.adds_one = family_.adds_one_to_norms && rule.name.ends_with("norm.weight");
    const bool is_q = ends_with_any(rule.name, {".attn_q.weight", ".attn_q.bias"});
    const bool is_k = ends_with_any(rule.name, {".attn_k.weight", ".attn_k.bias"});
    if (!family_.has_neighbour_pairs || !(is_q || is_k)) return;
    const std::uint32_t heads = need_positive_count(config_, "num_attention_heads");
    rule.paired_heads = is_q ? heads : config_.count("num_key_value_heads").value_or(heads);
    if (rule.paired_heads == 0 || source.shape[0] % (2 * rule.paired_heads) != 0) {
      refuse(source.file_name, fmt::format("has {} rows, which are not those of {} heads of an even width",
                                           source.shape[0], rule.paired_heads));
    }
  }

  /// What its numbers become. The products of 8-bit numbers and scales are rounded to BF16, as their makers do.
  std::string_view stored_type(const CheckpointTensor& source) const {
    using gguf::Dtype;
    const Matrix& first = source.parts[0];
    const Dtype dtype = first.tensor->dtype;
    if (dtype == Dtype::f32 || dtype == Dtype::f16 || dtype == Dtype::bf16) return first.type();
    const auto& parts = source.parts;
    if (std::all_of(parts.begin(), parts.end(), [](const Matrix& part) { return part.has_mxfp4_rows(); })) {
      return first.type();
    }
    const bool is_scaled_i8 = dtype == Dtype::i8 && first.scales != nullptr;
    if (dtype == Dtype::f8_e4m3 || dtype == Dtype::f8_e5m2 || is_scaled_i8 || first.is_mxfp4()) return "BF16";
    refuse(source.file_name, fmt::format("is {}", gguf::name(dtype)),
           "Weights must be BF16, F16, F32, or 8-bit numbers with scales. Take the model's original checkpoint.",
           ErrorKind::unsupported);
  }

  /// Row 2 i + h of a head is row i + h * width / 2 of the checkpoint: transformers rotates halves of a head together.
  static std::size_t source_row(const Rule& rule, std::size_t row, std::size_t rows) {
    if (rule.paired_heads == 0) return row;
    const std::size_t width = rows / rule.paired_heads;
    const std::size_t in_head = row % width;
    return row - in_head + in_head / 2 + in_head % 2 * (width / 2);
  }

  static void fill(const Rule& rule, Matrix matrix, std::span<std::byte> data) {
    if (rule.paired_heads != 0 && rule.source->shape.size() == 1) {  // a bias is exchanged value by value
      matrix.rows = matrix.columns;
      matrix.columns = matrix.row_step = 1;
    }
    const auto rows = static_cast<std::size_t>(matrix.rows);
    const auto columns = static_cast<std::size_t>(matrix.columns);
    const std::size_t row_bytes = data.size() / rows;
    const std::size_t value_bytes = row_bytes / columns;
    const bool is_copied = rule.type->name == matrix.type() && matrix.scales == nullptr && matrix.column_step == 1;
    constexpr std::size_t kPiece = 4096;
    double exact[kPiece];
    float values[kPiece];
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t from = source_row(rule, row, rows);
      std::byte* to = data.data() + row * row_bytes;
      if (rule.type->is_quantized()) {
        matrix.pack_mxfp4(from, to);
        continue;
      }
      if (is_copied && !rule.adds_one) {
        const std::uint64_t first = matrix.first + from * matrix.row_step;
        std::memcpy(to, matrix.tensor->data.data() + first * value_bytes, row_bytes);
        continue;
      }
      for (std::size_t first = 0; first < columns; first += kPiece) {
        const std::size_t count = std::min(kPiece, columns - first);
        matrix.read(from, first, count, exact);
        for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(exact[i]);
        for (std::size_t i = 0; rule.adds_one && i < count; ++i) values[i] += 1;
        rule.type->encode(values, count, nullptr, to + first * value_bytes);
      }
    }
  }

  std::string folder_;
  const Family& family_;
  Settings config_;
  std::vector<gguf::SafetensorsFile> shards_;
  std::map<std::string, CheckpointTensor, std::less<>> tensors_;
  std::map<std::string, Rule, std::less<>> rules_;
  std::optional<ReservedMemory> memory_;
};

/// What most of the values are stored in, as general.file_type counts.
std::uint32_t file_type_of(std::span<const gguf::Tensor> tensors) {
  constexpr std::pair<std::string_view, std::uint32_t> kTypes[] = {{"F32", 0}, {"F16", 1}, {"BF16", 32}, {"MXFP4", 38}};
  std::pair<std::uint64_t, std::uint32_t> most = {0, 0};
  for (const auto& [name, file_type] : kTypes) {
    std::uint64_t values = 0;
    for (const gguf::Tensor& tensor : tensors) values += tensor.type->name == name ? tensor.values() : 0;
    if (values > most.first) most = {values, file_type};
  }
  return most.second;
}

}  // namespace

bool is_folder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path / "config.json", error);
}

Folder Folder::open(const std::filesystem::path& folder, const std::string& pre_tokenizer) {
  const Settings root = Settings::read(folder / "config.json", kMaxConfigBytes);
  const Family& family = family_of(root);
  const Settings config = config_of(root, family);
  gguf::Writer metadata;
  const std::filesystem::path absolute = std::filesystem::absolute(folder).lexically_normal();
  metadata.add_string("general.architecture", family.architecture);
  metadata.add_string("general.type", "model");
  metadata.add_string("general.name",
                      (absolute.has_filename() ? absolute : absolute.parent_path()).filename().string());

  auto contents = std::make_shared<Contents>(folder, family, config);
  HyperParameterWriter out(family.architecture, metadata);
  add_hyper_parameters(config, family, out);
  std::vector<std::string> notes = out.notes();
  for (const auto& [name, values] : out.tensors()) contents->add(name, values);

  const Rule& embedding = *contents->find("token_embd.weight");
  const std::uint64_t rows = embedding.source->shape[0];
  const std::uint64_t tokens = config.count("vocab_size").value_or(static_cast<std::uint32_t>(rows));
  if (rows != tokens) {
    config.refuse("vocab_size", fmt::format("is {}, and the embedding has {} rows", tokens, rows));
  }
  if (std::filesystem::exists(folder / "tokenizer.json")) {
    const Settings tokenizer = Settings::read(folder / "tokenizer.json", kMaxTokenizerBytes);
    add_vocabulary(folder, tokenizer, static_cast<std::size_t>(rows), pre_tokenizer, metadata, notes);
    add_special_tokens(folder, config, tokenizer, metadata);
  } else {
    notes.emplace_back("there is no tokenizer.json: the model knows ids alone, no text");
  }
  std::vector<gguf::Tensor> tensors = contents->tensors();
  metadata.add_uint("general.quantization_version", 2);
  metadata.add_uint("general.file_type", file_type_of(tensors));
  return {gguf::File::assemble(folder.string(), metadata.bytes(), std::move(tensors), contents), contents,
          std::move(notes)};
}

}  // namespace assay::hugging_face
