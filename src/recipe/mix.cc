#include "recipe/mix.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "base/error.h"
#include "base/glob.h"
#include "base/text.h"

namespace assay::recipe {
namespace {

constexpr std::array kMixes = {
    Mix{"F32", 0, "F32", "every value as it is"},
    Mix{"F16", 1, "F16", "16 bits"},
    Mix{"BF16", 32, "BF16", "16 bits, the range of F32"},
    Mix{"Q8_0", 7, "Q8_0", "8.5 bits a weight"},
    Mix{"Q6_K", 18, "Q6_K", "6.6 bits"},
    Mix{"Q5_K_M", 17, "Q5_K", "5.7 bits: Q5_K, half of attn_v and ffn_down in Q6_K"},
    Mix{"Q5_K_S", 16, "Q5_K", "5.5 bits"},
    Mix{"Q5_1", 9, "Q5_1", "6 bits, rows of any multiple of 32"},
    Mix{"Q5_0", 8, "Q5_0", "5.5 bits, rows of any multiple of 32"},
    Mix{"Q4_K_M", 15, "Q4_K", "4.8 bits: Q4_K, half of attn_v and ffn_down in Q6_K"},
    Mix{"Q4_K_S", 14, "Q4_K", "4.6 bits: Q4_K, the first attn_v and ffn_down in Q5_K"},
    Mix{"Q4_1", 3, "Q4_1", "5 bits, rows of any multiple of 32"},
    Mix{"IQ4_NL", 25, "IQ4_NL", "4.5 bits, a codebook denser around zero, rows of any multiple of 32"},
    Mix{"IQ4_XS", 30, "IQ4_XS", "4.25 bits, the same codebook"},
    Mix{"Q4_0", 2, "Q4_0", "4.5 bits, rows of any multiple of 32"},
    Mix{"Q3_K_L", 13, "Q3_K", "4 bits: Q3_K, attn_v, attn_output and ffn_down in Q5_K"},
    Mix{"Q3_K_M", 12, "Q3_K", "3.7 bits: Q3_K, attn_v, attn_output and ffn_down in Q4_K"},
    Mix{"Q3_K_S", 11, "Q3_K", "3.4 bits"},
    Mix{"IQ3_M", 27, "IQ3_S", "3.7 bits: IQ3_S, attn_v, attn_output and some ffn_down in Q4_K"},
    Mix{"IQ3_S", 26, "IQ3_S", "3.4 bits, a codebook of entries of four values"},
    Mix{"IQ3_XS", 22, "IQ3_S", "3.3 bits: IQ3_S, attn_k, attn_q and most of ffn_gate and ffn_up in IQ3_XXS"},
    Mix{"IQ3_XXS", 23, "IQ3_XXS", "3.1 bits: IQ3_XXS, attn_k and attn_q in IQ2_S"},
    Mix{"Q2_K", 10, "Q2_K", "3 bits: Q2_K, attn_v, attn_output and ffn_down in Q3_K"},
    Mix{"Q2_K_S", 21, "Q2_K", "2.7 bits; needs an importance matrix"},
    Mix{"IQ2_M", 29, "IQ2_S", "2.7 bits: IQ2_S, attn_v and attn_output in IQ3_S"},
    Mix{"IQ2_S", 28, "IQ2_XS", "2.5 bits: IQ2_XS, attn_v and attn_output in IQ3_S"},
    Mix{"IQ2_XS", 20, "IQ2_XS", "2.3 bits, a codebook of entries of eight values; needs an importance matrix"},
    Mix{"IQ2_XXS", 19, "IQ2_XXS", "2.1 bits; needs an importance matrix"},
    Mix{"IQ1_M", 31, "IQ1_M", "1.8 bits; needs an importance matrix"},
    Mix{"IQ1_S", 24, "IQ1_S", "1.6 bits; needs an importance matrix"},
    Mix{"TQ2_0", 37, "TQ2_0", "2.1 bits, for models trained with ternary weights"},
    Mix{"TQ1_0", 36, "TQ1_0", "1.7 bits, for models trained with ternary weights"},
    Mix{"MXFP4_MOE", 38, "MXFP4", "4.25 bits for experts, Q8_0 for the rest"},
};

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return result;
}

/// What a tensor is to the rules.
enum class Part { output, embedding, attn_v, attn_k, attn_q, attn_output, ffn_up, ffn_gate, ffn_down, other };

Part part_of(std::string_view name) {
  const auto has = [&](std::string_view piece) { return name.find(piece) != std::string_view::npos; };
  if (name == "output.weight") return Part::output;
  if (name == "token_embd.weight" || name == "per_layer_token_embd.weight") return Part::embedding;
  if (has("attn_qkv.weight") || has("attn_kv_b.weight") || has("attn_v.weight")) return Part::attn_v;
  if (has("attn_k.weight")) return Part::attn_k;
  if (has("attn_q.weight")) return Part::attn_q;
  if (has("attn_output.weight")) return Part::attn_output;
  if (has("ffn_up")) return Part::ffn_up;
  if (has("ffn_gate")) return Part::ffn_gate;
  return has("ffn_down") ? Part::ffn_down : Part::other;
}

/// Matrices, but for those that are small and that everything hangs on.
bool is_quantized(const gguf::Tensor& tensor) {
  constexpr std::array<std::string_view, 30> kKept = {
      "_norm.weight",
      "ffn_gate_inp.weight",
      "altup",
      "laurel",
      "per_layer_model_proj",
      "ssm_conv1d",
      "shortconv.conv.weight",
      "time_mix_first.weight",
      "time_mix_w0.weight",
      "time_mix_w1.weight",
      "time_mix_w2.weight",
      "time_mix_v0.weight",
      "time_mix_v1.weight",
      "time_mix_v2.weight",
      "time_mix_a0.weight",
      "time_mix_a1.weight",
      "time_mix_a2.weight",
      "time_mix_g1.weight",
      "time_mix_g2.weight",
      "time_mix_decay_w1.weight",
      "time_mix_decay_w2.weight",
      "time_mix_lerp_fused.weight",
      "attn_rel_b.weight",
      ".position_embd",
      "sam.pos_embd",
      "sam.neck.",
      "sam.net_",
      ".rel_pos",
      ".patch_embd",
      ".patch_merger",
  };
  const auto dimensions = std::find_if(tensor.ne.rbegin(), tensor.ne.rend(), [](auto length) { return length != 1; });
  if (tensor.ne.rend() - dimensions < 2 || !tensor.name.ends_with("weight")) return false;
  if (tensor.name == "position_embd.weight" || tensor.name == "token_types.weight") return false;
  return std::none_of(kKept.begin(), kKept.end(),
                      [&](std::string_view piece) { return tensor.name.find(piece) != std::string_view::npos; });
}

/// The number behind "blk.", -1 for other tensors.
long long layer_of(std::string_view name) {
  if (!name.starts_with("blk.")) return -1;
  long long layer = 0;
  std::size_t at = 4;
  for (; at < name.size() && at < 16 && std::isdigit(static_cast<unsigned char>(name[at])) != 0; ++at)
    layer = 10 * layer + (name[at] - '0');
  return at == 4 ? -1 : layer;
}

/// The first number of a key that may hold one a layer.
std::size_t first_number(const gguf::File& file, const std::string& key, std::size_t otherwise) {
  const gguf::Value* value = file.find(key);
  if (value == nullptr) return otherwise;
  if (value->type != gguf::ValueType::array) return static_cast<std::size_t>(*file.get_uint(key));
  const std::vector<std::int64_t> numbers = file.get_ints(key);
  return numbers.empty() || numbers[0] < 0 ? otherwise : static_cast<std::size_t>(numbers[0]);
}

/// What the rules ask of a model.
struct Shape {
  std::size_t layers;
  std::size_t heads_a_group;  ///< query heads that share keys and values
  std::size_t experts;
  bool is_70b;
  bool is_falcon;

  explicit Shape(const gguf::File& file) {
    const std::string architecture(file.get_string("general.architecture").value_or(""));
    layers = static_cast<std::size_t>(file.get_uint(architecture + ".block_count").value_or(0));
    experts = static_cast<std::size_t>(file.get_uint(architecture + ".expert_count").value_or(0));
    const std::size_t heads = first_number(file, architecture + ".attention.head_count", 0);
    const std::size_t kv_heads = first_number(file, architecture + ".attention.head_count_kv", heads);
    heads_a_group = kv_heads == 0 ? 0 : heads / kv_heads;
    const bool is_llama = architecture == "llama" || architecture == "llama-embed";
    const bool has_a_70b = architecture == "qwen2" || architecture == "olmo" || architecture == "deci";
    is_70b = layers == 80 && (has_a_70b || (is_llama && heads != kv_heads));
    is_falcon = architecture == "falcon";
  }
};

class Chooser {
 public:
  Chooser(const gguf::File& file, std::span<const gguf::Tensor* const> tensors, const ChoiceRules& rules,
          bool has_importance)
      : rules_(rules), has_importance_(has_importance), shape_(file), mix_(rules.mix->name), base_(rules.mix->type) {
    for (const gguf::Tensor* tensor : tensors) {
      value_tensors_ += part_of(tensor->name) == Part::attn_v ? 1 : 0;
      is_tied_ = is_tied_ && part_of(tensor->name) != Part::output;
    }
  }

  Choice choose(const gguf::Tensor& tensor) {
    if (!is_quantized(tensor)) return {tensor.type};
    std::string_view wanted = base_;
    const auto override = std::find_if(rules_.overrides.begin(), rules_.overrides.end(),
                                       [&](const Override& candidate) { return candidate.matches(tensor.name); });
    const bool is_float = !quant::find_type(base_)->is_quantized();
    if (override != rules_.overrides.end()) {
      wanted = override->type->name;
    } else if (!rules_.is_pure && !is_float) {
      wanted = by_rules(tensor);
    }
    return fitting(tensor, *quant::find_type(wanted));
  }

 private:
  bool is_mix(std::initializer_list<std::string_view> names) const {
    return std::find(names.begin(), names.end(), mix_) != names.end();
  }

  /// The first and last eighth of the layers, and every third between.
  static bool uses_more_bits(std::size_t layer, std::size_t layers) {
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
  }

  std::string_view by_rules(const gguf::Tensor& tensor) {
    if (mix_ == "MXFP4_MOE") return tensor.ne.size() > 2 && tensor.ne[2] > 1 ? base_ : "Q8_0";
    switch (part_of(tensor.name)) {
      case Part::output:
        return for_output(tensor);
      case Part::embedding:
        return is_tied_ ? for_output(tensor) : for_embedding();
      case Part::attn_v:
        return for_values();
      case Part::attn_k:
        if (shape_.experts == 8) return is_low() ? "Q4_K" : "Q8_0";
        return for_queries_and_keys();
      case Part::attn_q:
        return for_queries_and_keys();
      case Part::attn_output:
        return for_attention_output();
      case Part::ffn_up:
        return for_up(layer_of_part(tensor, ups_seen_));
      case Part::ffn_gate:
        return for_up(layer_of_part(tensor, gates_seen_));
      case Part::ffn_down:
        return for_down(tensor);
      default:
        return base_;
    }
  }

  /// Mixes below three bits have rules of their own.
  bool is_low() const { return is_mix({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"}); }
  bool is_upper_low() const { return is_mix({"IQ2_S", "IQ2_M"}); }

  std::string_view for_output(const gguf::Tensor& tensor) const {
    const bool fits = tensor.row_values() % quant::find_type(base_)->block_values == 0;
    if (!fits || base_ == "Q8_0" || shape_.is_falcon) return "Q8_0";
    return is_low() || mix_ == "IQ3_XXS" ? "Q5_K" : "Q6_K";
  }

  std::string_view for_embedding() const {
    if (is_upper_low() || mix_ == "IQ3_XXS") return "IQ3_S";
    if (is_low()) return "Q2_K";
    return is_mix({"TQ1_0", "TQ2_0"}) ? "Q4_K" : base_;
  }

  std::string_view for_queries_and_keys() const {
    if (mix_ == "IQ3_XS") return "IQ3_XXS";
    return mix_ == "IQ3_XXS" ? "IQ2_S" : base_;
  }

  std::string_view for_up(std::size_t layer) const {
    const std::size_t layers = shape_.layers;
    return mix_ == "IQ3_XS" && layer >= layers / 8 && layer < 7 * layers / 8 ? "IQ3_XXS" : base_;
  }

  std::string_view for_values() {
    const std::size_t layer = values_seen_++;
    std::string_view type = base_;
    if (is_low()) {
      if (shape_.heads_a_group >= 4 || shape_.experts >= 4) return "Q4_K";
      return is_upper_low() ? "IQ3_S" : "Q2_K";
    }
    if (mix_ == "IQ3_XXS") type = shape_.heads_a_group >= 4 ? "Q4_K" : has_importance_ ? "IQ3_XXS" : "IQ3_S";
    if (is_mix({"IQ3_XS", "IQ3_S"}) && shape_.heads_a_group >= 4) type = "Q4_K";
    if (mix_ == "IQ3_M") type = "Q4_K";
    if (mix_ == "Q2_K") type = shape_.heads_a_group >= 4 ? "Q4_K" : "Q3_K";
    if (mix_ == "Q2_K_S" && shape_.heads_a_group >= 4) type = "Q4_K";
    if (mix_ == "Q3_K_M") type = layer < 2 ? "Q5_K" : "Q4_K";
    if (mix_ == "Q3_K_L") type = "Q5_K";
    if (is_mix({"IQ4_NL", "IQ4_XS"}) && shape_.heads_a_group >= 4) type = "Q5_K";
    if (is_mix({"Q4_K_M", "Q5_K_M"}) && uses_more_bits(layer, value_tensors_)) type = "Q6_K";
    if (mix_ == "Q4_K_S" && layer < 4) type = "Q5_K";
    // Eight heads share these values: they are small and matter.
    if (shape_.is_70b && (type == "Q3_K" || type == "Q4_K")) type = "Q5_K";
    return shape_.experts == 8 ? "Q8_0" : type;
  }

  std::string_view for_attention_output() const {
    if (shape_.is_falcon) return mix_ == "Q3_K_L" ? "Q4_K" : base_;
    if (shape_.experts == 8) {
      const bool is_more = is_mix(
          {"Q2_K", "Q3_K_S", "Q3_K_M", "Q4_K_S", "Q4_K_M", "IQ3_XXS", "IQ3_XS", "IQ3_S", "IQ3_M", "IQ4_NL", "IQ4_XS"});
      return is_more || is_low() ? "Q5_K" : base_;
    }
    if (is_mix({"IQ1_S", "IQ1_M"})) return "IQ2_XXS";
    if (is_upper_low() || mix_ == "IQ3_XXS") return "IQ3_S";
    if (mix_ == "Q2_K") return "Q3_K";
    if (is_mix({"Q3_K_M", "IQ3_M"})) return "Q4_K";
    return mix_ == "Q3_K_L" ? "Q5_K" : base_;
  }

  /// Where a layer has a tensor an expert, counting tensors is no counting of layers.
  std::size_t layer_of_part(const gguf::Tensor& tensor, std::size_t& seen) const {
    const std::size_t counted = seen++;
    return shape_.experts > 1 ? static_cast<std::size_t>(layer_of(tensor.name)) : counted;
  }

  std::string_view for_down(const gguf::Tensor& tensor) {
    const std::size_t layers = shape_.layers;
    if (is_low()) {
      if (downs_seen_++ >= layers / 8) return base_;
      return is_upper_low() ? "IQ3_S" : "Q2_K";
    }
    const std::size_t layer = layer_of_part(tensor, downs_seen_);
    const bool is_early = layer < layers / 8;
    if (shape_.is_falcon) {
      const bool is_more = uses_more_bits(layer, layers);
      if (mix_ == "Q3_K_M") return layer < layers / 16 ? "Q5_K" : is_more ? "Q4_K" : "Q3_K";
      if (mix_ == "Q3_K_L") return "Q4_K";
      if (mix_ == "Q4_K_M") return layer < layers / 16 ? "Q6_K" : is_more ? "Q5_K" : "Q4_K";
      if (mix_ == "Q4_K_S") return base_;
    }
    if (mix_ == "IQ3_XXS" && !has_importance_) return is_early ? "Q4_K" : "Q3_K";
    if (mix_ == "IQ3_M" && shape_.experts == 8 && uses_more_bits(layer, layers)) return "Q4_K";
    if (mix_ == "Q2_K") return "Q3_K";
    if (mix_ == "Q3_K_M") return layer < layers / 16 ? "Q5_K" : "Q4_K";
    if (mix_ == "Q3_K_L") return "Q5_K";
    if (is_mix({"Q4_K_M", "Q5_K_M"})) return uses_more_bits(layer, layers) ? "Q6_K" : base_;
    if (!is_early) return base_;
    if (is_mix({"Q2_K_S", "IQ3_M"})) return "Q4_K";
    if (mix_ == "Q4_K_S") return "Q5_K";
    if (is_mix({"IQ4_NL", "IQ4_XS"}) && !has_importance_) return "Q5_K";
    if (mix_ == "Q4_0" && has_importance_) return "Q4_1";
    return mix_ == "Q5_0" && has_importance_ ? "Q5_1" : base_;
  }

  /// The type, or for rows that its block does not divide the nearest one with blocks of 32 values, or F16.
  static Choice fitting(const gguf::Tensor& tensor, const quant::Type& type) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kFallbacks = {{{"Q2_K", "Q4_0"},
                                                                                           {"IQ1_S", "IQ4_NL"},
                                                                                           {"IQ1_M", "IQ4_NL"},
                                                                                           {"IQ2_XXS", "IQ4_NL"},
                                                                                           {"IQ2_XS", "IQ4_NL"},
                                                                                           {"IQ2_S", "IQ4_NL"},
                                                                                           {"IQ3_XXS", "IQ4_NL"},
                                                                                           {"IQ3_S", "IQ4_NL"},
                                                                                           {"Q3_K", "Q4_0"},
                                                                                           {"Q4_K", "Q5_0"},
                                                                                           {"Q5_K", "Q5_1"},
                                                                                           {"Q6_K", "Q8_0"},
                                                                                           {"IQ4_XS", "IQ4_NL"},
                                                                                           {"TQ1_0", "Q4_0"},
                                                                                           {"TQ2_0", "Q4_0"}}};
    if (tensor.row_values() % type.block_values == 0) return {&type};
    for (const auto& [from, to] : kFallbacks) {
      const quant::Type* fallback = quant::find_type(to);
      if (type.name == from && tensor.row_values() % fallback->block_values == 0) return {fallback, true};
    }
    return {quant::find_type("F16"), true};
  }

  const ChoiceRules& rules_;
  bool has_importance_;
  Shape shape_;
  std::string_view mix_;
  std::string_view base_;
  std::size_t value_tensors_ = 0;
  std::size_t values_seen_ = 0;
  std::size_t ups_seen_ = 0;
  std::size_t gates_seen_ = 0;
  std::size_t downs_seen_ = 0;
  bool is_tied_ = true;
};

void check_override(const Override& override, std::span<const gguf::Tensor* const> tensors) {
  std::vector<std::string> names;
  for (const gguf::Tensor* tensor : tensors) {
    if (!is_quantized(*tensor)) continue;
    if (override.matches(tensor->name)) return;
    names.emplace_back(tensor->name);
  }
  const std::vector<std::string> nearest = nearest_names("*" + override.pattern + "*", names);
  throw Error(ErrorKind::usage, fmt::format("'{}' matches no tensor that is quantized", printable(override.pattern)),
              nearest.empty() ? std::string() : fmt::format("Nearest: {}.", fmt::join(nearest, ", ")));
}

}  // namespace

std::span<const Mix> all_mixes() { return kMixes; }

const Mix& find_mix(std::string_view name) {
  std::string wanted = upper(name);
  if (wanted == "Q3_K" || wanted == "Q4_K" || wanted == "Q5_K") wanted += "_M";
  for (const Mix& mix : kMixes)
    if (mix.name == wanted) return mix;
  std::string names;
  for (const Mix& mix : kMixes) names += fmt::format("{}{}", names.empty() ? "" : ", ", mix.name);
  throw Error(ErrorKind::usage, fmt::format("'{}' is no type to quantize to", printable(name)),
              fmt::format("Types: {}.", names));
}

bool Override::matches(std::string_view tensor_name) const {
  if (pattern.find_first_of("*?") != std::string::npos) return glob_matches(pattern, tensor_name);
  return tensor_name.find(pattern) != std::string_view::npos;
}

Override parse_override(std::string_view text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw Error(ErrorKind::usage, fmt::format("'{}' is not PATTERN=TYPE", printable(text)),
                "For example --tensor-type attn_v=Q8_0 or --tensor-type 'blk.0.*=Q6_K'.");
  }
  const quant::Type* type = quant::find_type(text.substr(equals + 1));
  if (type == nullptr || !type->is_encodable()) {
    std::string names;
    for (const quant::Type* known : quant::all_types())
      if (known->is_encodable()) names += fmt::format("{}{}", names.empty() ? "" : ", ", known->name);
    throw Error(ErrorKind::usage,
                fmt::format("'{}' is no type that can be written", printable(text.substr(equals + 1))),
                fmt::format("Types: {}.", names));
  }
  return {std::string(text.substr(0, equals)), type};
}

std::vector<const gguf::Tensor*> in_layer_order(const gguf::File& file) {
  std::vector<const gguf::Tensor*> tensors;
  for (const gguf::Tensor& tensor : file.tensors()) tensors.push_back(&tensor);
  std::sort(tensors.begin(), tensors.end(), [](const gguf::Tensor* a, const gguf::Tensor* b) {
    return std::tuple(layer_of(a->name), a->name) < std::tuple(layer_of(b->name), b->name);
  });
  return tensors;
}

std::vector<Choice> choose_types(const gguf::File& file, std::span<const gguf::Tensor* const> tensors,
                                 const ChoiceRules& rules, bool has_importance) {
  for (const Override& override : rules.overrides) check_override(override, tensors);
  Chooser chooser(file, tensors, rules, has_importance);
  std::vector<Choice> choices;
  choices.reserve(tensors.size());
  for (const gguf::Tensor* tensor : tensors) choices.push_back(chooser.choose(*tensor));
  return choices;
}

}  // namespace assay::recipe
