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
#include "hugging_face/family.h"
#include "hugging_face/hyper_parameters.h"
#include "hugging_face/names.h"
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
  std::vector<const gguf::SafeTensor*> sources;  ///< one after another; empty: `values`
  std::vector<float> values;
  const quant::Type* type = nullptr;
  std::size_t paired_heads = 0;  ///< of whose channels the halves become neighbours; 0: rows stay
  bool adds_one = false;
  std::uint64_t offset = 0;  ///< in the memory of made tensors

  std::vector<std::uint64_t> ne() const {
    if (sources.empty()) return {values.size()};
    std::vector<std::uint64_t> ne(sources[0]->shape.rbegin(), sources[0]->shape.rend());
    if (is_stack()) ne.push_back(sources.size());
    return ne;
  }
  bool is_stack() const { return name.find("_exps.") != std::string::npos; }
  /// The source's bytes are the tensor's.
  bool is_view() const {
    return sources.size() == 1 && paired_heads == 0 && !adds_one && type->name == gguf::name(sources[0]->dtype) &&
           reinterpret_cast<std::uintptr_t>(sources[0]->data.data()) % kMinAlignment == 0;
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
  return rule.sources[0]->shape.size() < 2 || !rule.name.ends_with(".weight") ||
         ends_with_any(rule.name, {"_norm.weight", ".ffn_gate_inp.weight", ".ffn_gate_inp_shexp.weight"});
}

class Contents final : public TensorMaker {
 public:
  Contents(const std::filesystem::path& folder, const Family& family, const Settings& config)
      : folder_(folder.string()), family_(family), config_(config), shards_(open_shards(folder)) {
    map_names();
    for (auto& [name, rule] : rules_) complete(rule);
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
      tensor.data = rule->is_view() ? rule->sources[0]->data
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
    if (rule.sources.empty()) {
      std::memcpy(data.data(), rule.values.data(), data.size());
      return;
    }
    const std::size_t size = data.size() / rule.sources.size();
    for (std::size_t i = 0; i < rule.sources.size(); ++i) {
      fill(rule, *rule.sources[i], data.subspan(i * size, size));
    }
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

  void map_names() {
    bool has_post_norms = false;
    for (const gguf::SafetensorsFile& shard : shards_) {
      for (const gguf::SafeTensor& tensor : shard.tensors()) {
        has_post_norms = has_post_norms || says_post_norms(tensor.name);
      }
    }
    std::map<std::string, std::map<std::size_t, const gguf::SafeTensor*>> experts;
    for (const gguf::SafetensorsFile& shard : shards_) {
      for (const gguf::SafeTensor& tensor : shard.tensors()) {
        if (is_needless(tensor.name)) continue;
        const auto place = place_of(tensor.name, has_post_norms);
        if (!place) {
          refuse(tensor.name, fmt::format("is not known in a {}", family_.name),
                 "Adapters and other additions have to be merged into the model first.", ErrorKind::unsupported);
        }
        if (family_.drops_output_matrix && place->name == "output.weight") continue;
        if (tensor.data.empty()) refuse(tensor.name, "is empty");
        if (place->expert) {
          if (!experts[place->name].emplace(*place->expert, &tensor).second) refuse(tensor.name, "is there twice");
          continue;
        }
        Rule& rule = rules_[place->name];
        if (!rule.name.empty()) refuse(tensor.name, fmt::format("is {}, which another is too", place->name));
        rule.name = place->name;
        rule.sources.push_back(&tensor);
      }
    }
    for (const auto& [name, numbered] : experts) {
      Rule& rule = rules_[name];
      rule.name = name;
      for (const auto& [number, tensor] : numbered) {
        if (number != rule.sources.size()) {
          refuse(tensor->name, fmt::format("is there, but that of expert {} is not", rule.sources.size()));
        }
        rule.sources.push_back(tensor);
      }
    }
    name_tied_matrix();
  }

  /// A tied matrix may stand under either name; GGUF has it under the embedding's.
  void name_tied_matrix() {
    if (rules_.count("token_embd.weight") > 0) return;
    auto head = rules_.extract("output.weight");
    if (head.empty() || !config_.flag("tie_word_embeddings").value_or(false)) {
      throw Error(ErrorKind::input, fmt::format("{}: there is no embed_tokens.weight", folder_),
                  "Is it a whole checkpoint of a language model?");
    }
    head.key() = head.mapped().name = "token_embd.weight";
    rules_.insert(std::move(head));
  }

  /// Type and transforms, checked.
  void complete(Rule& rule) const {
    const gguf::SafeTensor& first = *rule.sources[0];
    for (const gguf::SafeTensor* source : rule.sources) {
      if (source->shape != first.shape || source->dtype != first.dtype) {
        refuse(source->name,
               fmt::format("is {} [{}], that of another expert {} [{}]", gguf::name(source->dtype),
                           fmt::join(source->shape, ", "), gguf::name(first.dtype), fmt::join(first.shape, ", ")));
      }
    }
    const std::size_t dimensions = first.shape.size() + (rule.is_stack() ? 1 : 0);
    if (first.shape.empty() || dimensions > gguf::kMaxDimensions) {
      refuse(first.name, fmt::format("has {} dimensions", first.shape.size()));
    }
    if (first.dtype != gguf::Dtype::f32 && first.dtype != gguf::Dtype::f16 && first.dtype != gguf::Dtype::bf16) {
      refuse(first.name, fmt::format("is {}", gguf::name(first.dtype)),
             "Weights must be BF16, F16 or F32. Take the model's original checkpoint.", ErrorKind::unsupported);
    }
    rule.type = quant::find_type(is_always_f32(rule) ? "F32" : gguf::name(first.dtype));
    rule.adds_one = family_.adds_one_to_norms && rule.name.ends_with("norm.weight");
    const bool is_q = ends_with_any(rule.name, {".attn_q.weight", ".attn_q.bias"});
    const bool is_k = ends_with_any(rule.name, {".attn_k.weight", ".attn_k.bias"});
    if (!family_.has_neighbour_pairs || !(is_q || is_k)) return;
    const std::uint32_t heads = need_positive_count(config_, "num_attention_heads");
    rule.paired_heads = is_q ? heads : config_.count("num_key_value_heads").value_or(heads);
    if (rule.paired_heads == 0 || first.shape[0] % (2 * rule.paired_heads) != 0) {
      refuse(first.name, fmt::format("has {} rows, which are not those of {} heads of an even width", first.shape[0],
                                     rule.paired_heads));
    }
  }

  /// Row 2 i + h of a head is row i + h * width / 2 of the checkpoint: transformers rotates halves of a head together.
  static std::size_t source_row(const Rule& rule, std::size_t row, std::size_t rows) {
    if (rule.paired_heads == 0) return row;
    const std::size_t width = rows / rule.paired_heads;
    const std::size_t in_head = row % width;
    return row - in_head + in_head / 2 + in_head % 2 * (width / 2);
  }

  static void fill(const Rule& rule, const gguf::SafeTensor& source, std::span<std::byte> data) {
    // A bias is exchanged value by value.
    const std::size_t rows = rule.paired_heads == 0 ? 1 : static_cast<std::size_t>(source.shape[0]);
    const auto columns = static_cast<std::size_t>(source.values() / rows);
    const std::size_t row_bytes = data.size() / rows;
    const bool is_copied = rule.type->name == gguf::name(source.dtype) && !rule.adds_one;
    constexpr std::size_t kPiece = 4096;
    double exact[kPiece];
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t from = source_row(rule, row, rows);
      std::byte* to = data.data() + row * row_bytes;
      if (is_copied) {
        std::memcpy(to, source.data.data() + from * row_bytes, row_bytes);
        continue;
      }
      for (std::size_t first = 0; first < columns; first += kPiece) {
        const std::size_t count = std::min(kPiece, columns - first);
        gguf::read_values(source, from * columns + first, count, exact);
        for (std::size_t i = 0; i < count; ++i) {
          const float value = static_cast<float>(exact[i]) + (rule.adds_one ? 1.0F : 0.0F);
          std::memcpy(to + (first + i) * sizeof value, &value, sizeof value);
        }
      }
    }
  }

  std::string folder_;
  const Family& family_;
  Settings config_;
  std::vector<gguf::SafetensorsFile> shards_;
  std::map<std::string, Rule, std::less<>> rules_;
  std::optional<ReservedMemory> memory_;
};

/// What most of the values are stored in, as general.file_type counts.
std::uint32_t file_type_of(std::span<const gguf::Tensor> tensors) {
  constexpr std::pair<std::string_view, std::uint32_t> kTypes[] = {{"F32", 0}, {"F16", 1}, {"BF16", 32}};
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
  const std::uint64_t rows = embedding.sources[0]->shape[0];
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
