#include "hugging_face/hyper_parameters.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/math.h"
#include "base/text.h"
#include "hugging_face/family.h"

namespace assay::hugging_face {
namespace {

constexpr double kPi = 3.14159265358979323846;

std::optional<double> rope_theta(const Settings& config) {
  if (const auto theta = rope_parameters(config).number("rope_theta")) return theta;
  return config.number("rope_theta");
}

/// How many positions the model had seen before its context was stretched.
std::optional<std::uint32_t> original_context(const Settings& config, const Settings& rope) {
  if (const auto length = rope.count("original_max_position_embeddings")) return length;
  if (const auto length = config.count("original_max_position_embeddings")) return length;
  return config.count("max_position_embeddings");
}

/// Llama 3.1's: pairs that turn slowly are slowed down by `factor`, fast ones stay, those between are blended. Llama
/// Team 2024, arXiv 2407.21783, section 3.4.3; the formula is that of the authors' code.
std::vector<double> llama3_factors(const Settings& config, const Settings& rope) {
  const double base = rope_theta(config).value_or(10000);
  const double factor = rope.number("factor").value_or(8);
  const double slow = rope.number("low_freq_factor").value_or(1);
  const double fast = rope.number("high_freq_factor").value_or(4);
  const double context = rope.number("original_max_position_embeddings").value_or(8192);
  const std::uint32_t width = head_width(config);
  constexpr std::uint32_t kMaxWidth = 1U << 16;
  if (width > kMaxWidth) config.refuse("head_dim", fmt::format("is {}", width));
  if (!(base > 0 && factor > 0 && slow > 0 && fast > slow && context > 0)) {
    rope.refuse("factor", "and its like must be above 0, high_freq_factor above low_freq_factor");
  }
  std::vector<double> factors;
  for (std::uint32_t channel = 0; channel < width; channel += 2) {
    const double turns = context / (2 * kPi * portable_pow(base, static_cast<double>(channel) / width));
    const double blend = (turns - slow) / (fast - slow);
    factors.push_back(turns > fast ? 1 : turns < slow ? factor : 1 / ((1 - blend) / factor + blend));
  }
  return factors;
}

void add_yarn(const Settings& config, const Settings& rope, HyperParameterWriter& out) {
  out.text("rope.scaling.type", "yarn");
  out.number("rope.scaling.factor", rope.number("factor").value_or(1));
  const auto context = original_context(config, rope);
  if (context) out.count("rope.scaling.original_context_length", *context);
  constexpr std::pair<std::string_view, std::string_view> kNumbers[] = {
      {"extrapolation_factor", "rope.scaling.yarn_ext_factor"},
      {"beta_fast", "rope.scaling.yarn_beta_fast"},
      {"beta_slow", "rope.scaling.yarn_beta_slow"}};
  for (const auto& [name, key] : kNumbers) {
    if (const auto value = rope.number(name)) out.number(key, *value);
  }
  // transformers takes it in the place of what YaRN would compute, GGUF's engines multiply by it.
  if (const auto magnitude = rope.number("attention_factor")) {
    const double factor = rope.number("factor").value_or(1);
    const double usual = factor > 1 ? 1 + 0.1 * portable_log(factor) : 1;
    constexpr double kRounding = 1e-6;
    if (std::abs(*magnitude / usual - 1) > kRounding) out.number("rope.scaling.attn_factor", *magnitude / usual);
  }
}

void add_rope(const Settings& config, const Family& family, HyperParameterWriter& out) {
  const Settings rope = rope_parameters(config);
  const std::string type = rope.text("rope_type").value_or(rope.text("type").value_or("default"));
  if (type == "linear") {
    out.text("rope.scaling.type", type);
    out.number("rope.scaling.factor", rope.number("factor").value_or(1));
  } else if (type == "yarn") {
    add_yarn(config, rope, out);
  } else if (type == "llama3") {
    out.tensor("rope_freqs.weight", llama3_factors(config, rope));
  } else if (type != "default" && !(family.architecture == "phi3" && (type == "longrope" || type == "su"))) {
    rope.refuse("rope_type", fmt::format("is '{}', which is not supported", printable(type, 40)),
                "Known are default, linear, yarn and llama3, and longrope of Phi-3.");
  }
  if (const auto theta = rope_theta(config)) out.number("rope.freq_base", *theta);
  const Settings parameters(config.file(), config.object("rope_parameters"));
  const Settings windowed(config.file(), parameters.object("sliding_attention"));
  const auto local = windowed.has("rope_theta") ? windowed.number("rope_theta") : config.number("rope_local_base_freq");
  if (local) out.number("rope.freq_base_swa", *local);
}

/// Read are numbers of 8 bits with scales beside them, and MXFP4.
void check_quantization(const Settings& config) {
  for (const char* name : {"quantization_config", "compression_config"}) {
    if (!config.has(name)) continue;
    const Settings quantization(config.file() + ": " + name, config.object(name));
    const std::string method = quantization.text("quant_method").value_or("");
    const std::string format = quantization.text("format").value_or("");
    if (method == "fp8" || method == "fbgemm_fp8" || method == "mxfp4") continue;
    const bool is_plain = format == "float-quantized" || format == "int-quantized" || format == "naive-quantized";
    if (method == "compressed-tensors" && is_plain) continue;
    quantization.refuse("quant_method",
                        fmt::format("is '{}'{}, whose packed weights are not read", printable(method, 40),
                                    format.empty() ? "" : fmt::format(" with the format '{}'", printable(format, 40))),
                        "Take the checkpoint that this one was quantized from (its page names it): BF16, F16 or F32, "
                        "or fp8, fbgemm_fp8, "
                        "mxfp4, or compressed-tensors with the format float-quantized or int-quantized.");
  }
}

}  // namespace

std::uint32_t need_count(const Settings& config, std::string_view name) {
  const auto count = config.count(name);
  if (!count) config.refuse(name, "is missing");
  return *count;
}

std::uint32_t need_positive_count(const Settings& config, std::string_view name) {
  const std::uint32_t count = need_count(config, name);
  if (count == 0) config.refuse(name, "is 0");
  return count;
}

std::uint32_t head_width(const Settings& config) {
  if (const auto width = config.count("head_dim")) return *width;
  return need_count(config, "hidden_size") / need_positive_count(config, "num_attention_heads");
}

Settings rope_parameters(const Settings& config) {
  const char* name = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  Settings parameters(config.file() + ": " + name, config.object(name));
  if (!parameters.has("full_attention")) return parameters;
  return {parameters.file(), parameters.object("full_attention")};
}

Settings config_of(const Settings& root, const Family& family) {
  const Settings config = root.has("text_config") ? root.flattened("text_config") : root;
  check_quantization(config);
  Json merged = Json::parse(family.defaults);
  for (const auto& [name, value] : config.json().items()) {
    if (!value.is_null() || !merged.contains(name)) merged[name] = value;
  }
  Settings complete(root.file(), std::move(merged));
  for (const char* name : {"hidden_activation", "hidden_act"}) {
    const auto activation = complete.text(name);
    if (!activation) continue;
    if (*activation == family.activation) break;
    complete.refuse(
        name,
        fmt::format("is '{}', but {} computes {}", printable(*activation, 40), family.architecture, family.activation),
        "Nobody's GGUF of this model would be right. Take a model of the family that was released.");
  }
  return complete;
}

void add_hyper_parameters(const Settings& config, const Family& family, HyperParameterWriter& out) {
  constexpr std::pair<std::string_view, std::string_view> kCounts[] = {{"num_hidden_layers", "block_count"},
                                                                       {"hidden_size", "embedding_length"},
                                                                       {"intermediate_size", "feed_forward_length"},
                                                                       {"num_attention_heads", "attention.head_count"}};
  for (const auto& [name, key] : kCounts) out.count(key, need_count(config, name));
  // Command R's max_position_embeddings is that of its first stage of training.
  const bool was_stretched = family.architecture == "command-r" && config.has("model_max_length");
  out.count("context_length", need_count(config, was_stretched ? "model_max_length" : "max_position_embeddings"));
  if (!family.has_latent_attention) {
    out.count("attention.head_count_kv",
              config.count("num_key_value_heads").value_or(need_count(config, "num_attention_heads")));
    if (const auto width = config.count("head_dim")) {
      out.count("attention.key_length", *width);
      out.count("attention.value_length", *width);
    }
  }
  if (const auto epsilon = config.number("rms_norm_eps")) out.number("attention.layer_norm_rms_epsilon", *epsilon);
  for (const char* name : {"norm_epsilon", "layer_norm_eps"}) {
    const auto epsilon = config.number(name);
    if (!epsilon) continue;
    out.number("attention.layer_norm_epsilon", *epsilon);
    break;
  }
  for (const char* name : {"num_local_experts", "num_experts", "n_routed_experts"}) {
    const auto experts = config.count(name);
    if (!experts) continue;
    out.count("expert_count", *experts);
    out.count("expert_used_count", need_count(config, "num_experts_per_tok"));
    break;
  }
  add_rope(config, family, out);
  if (family.add_own != nullptr) family.add_own(config, out);
}

}  // namespace assay::hugging_face
