#include "hugging_face/family.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "base/math.h"
#include "base/text.h"

namespace assay::hugging_face {
namespace {

/// What a config says of a thing that GGUF has no key for must be what the architecture computes.
void require(const Settings& config, std::string_view name, bool holds, std::string_view computed) {
  if (holds) return;
  const Json* value = config.find(name);
  config.refuse(name,
                fmt::format("is {}, and GGUF has no key for it: the architecture computes {}",
                            value == nullptr ? "absent" : printable(value->dump(), 60), computed),
                "Nobody's GGUF of this model would be right. Take a model of the family that was released.");
}

void require_no_window(const Settings& config) {
  const bool is_used = config.flag("use_sliding_window").value_or(false) && config.has("sliding_window");
  require(config, "use_sliding_window", !is_used, "attention to all positions");
}

/// Of the channels of a head, those that are rotated.
double rotated_share(const Settings& config, double usual) {
  const auto share = config.number("partial_rotary_factor");
  const double value = share ? *share : rope_parameters(config).number("partial_rotary_factor").value_or(usual);
  if (!(value > 0 && value <= 1)) config.refuse("partial_rotary_factor", "must be above 0 and at most 1");
  return value;
}

void add_llama(const Settings& config, HyperParameterWriter& out) {
  out.count("vocab_size", need_count(config, "vocab_size"));
  out.count("rope.dimension_count", head_width(config));
  if (config.has("sliding_window")) {
    out.note(fmt::format("sliding_window {} is not in GGUF files of {}: attention to all positions",
                         *config.count("sliding_window"), out.architecture()));
  }
}

void add_smollm3(const Settings& config, HyperParameterWriter& out) {
  require_no_window(config);
  const Json& rotated = config.array("no_rope_layers");
  for (std::size_t block = 0; block < rotated.size(); ++block) {
    require(config, "no_rope_layers", rotated[block] == Json(block % 4 == 3 ? 0 : 1), "every fourth block unrotated");
  }
  require(config, "no_rope_layer_interval", config.count("no_rope_layer_interval").value_or(4) == 4,
          "every fourth block unrotated");
  add_llama(config, out);
}

void add_granite(const Settings& config, HyperParameterWriter& out) {
  require(config, "position_embedding_type", config.text("position_embedding_type").value_or("rope") == "rope", "rope");
  add_llama(config, out);
  constexpr std::pair<std::string_view, std::string_view> kScales[] = {{"attention_multiplier", "attention.scale"},
                                                                       {"embedding_multiplier", "embedding_scale"},
                                                                       {"residual_multiplier", "residual_scale"},
                                                                       {"logits_scaling", "logit_scale"}};
  for (const auto& [name, key] : kScales) {
    if (const auto scale = config.number(name)) out.number(key, *scale);
  }
}

void add_granite_moe(const Settings& config, HyperParameterWriter& out) {
  add_granite(config, out);
  if (const auto length = config.count("shared_intermediate_size")) {
    out.count("expert_shared_feed_forward_length", *length);
  }
}

void add_mistral3(const Settings& config, HyperParameterWriter& out) {
  add_llama(config, out);
  if (config.text("model_type") != "ministral3") return;
  const Settings rope = rope_parameters(config);
  if (const auto multiplier = rope.number("mscale_all_dim")) {
    out.number("rope.scaling.yarn_log_multiplier", *multiplier);
  }
  if (const auto growth = rope.number("llama_4_scaling_beta")) out.number("attention.temperature_scale", *growth);
}

void add_qwen2(const Settings& config, HyperParameterWriter& /*out*/) { require_no_window(config); }

void require_experts_everywhere(const Settings& config, bool are_weights_normalised) {
  require_no_window(config);
  require(config, "decoder_sparse_step", config.count("decoder_sparse_step").value_or(1) == 1, "experts in all blocks");
  require(config, "mlp_only_layers", config.array("mlp_only_layers").empty(), "experts in all blocks");
  require(config, "norm_topk_prob", config.flag("norm_topk_prob").value_or(false) == are_weights_normalised,
          are_weights_normalised ? "weights that add up to 1" : "weights that do not add up to 1");
}

void add_qwen2_moe(const Settings& config, HyperParameterWriter& out) {
  require_experts_everywhere(config, false);
  out.count("expert_feed_forward_length", need_count(config, "moe_intermediate_size"));
  out.count("expert_shared_feed_forward_length", need_count(config, "shared_expert_intermediate_size"));
}

void add_qwen3_moe(const Settings& config, HyperParameterWriter& out) {
  require_experts_everywhere(config, true);
  out.count("expert_feed_forward_length", need_count(config, "moe_intermediate_size"));
}

/// Gemma's scores are divided by the root of this; GGUF's architectures know it by the number of blocks.
void require_query_scale(const Settings& config, std::uint32_t blocks_of_27b) {
  const std::uint32_t heads = need_positive_count(config, "num_attention_heads");
  const bool is_27b = need_count(config, "num_hidden_layers") == blocks_of_27b;
  const std::uint32_t computed = is_27b ? need_count(config, "hidden_size") / heads : head_width(config);
  require(config, "query_pre_attn_scalar", config.number("query_pre_attn_scalar").value_or(computed) == computed,
          fmt::format("{}", computed));
}

void add_gemma2(const Settings& config, HyperParameterWriter& out) {
  require_query_scale(config, 46);
  for (const char* cap : {"attn_logit_softcapping", "final_logit_softcapping"}) {
    if (const auto value = config.number(cap)) out.number(cap, *value);
  }
  out.count("attention.sliding_window", need_count(config, "sliding_window"));
}

/// Every how many-th block has no window.
std::uint32_t window_pattern(const Settings& config, std::uint32_t usual) {
  std::uint32_t pattern = usual;
  for (const char* name : {"sliding_window_pattern", "_sliding_window_pattern"}) {
    pattern = config.count(name).value_or(pattern);
  }
  const Json& types = config.array("layer_types");
  for (std::size_t block = 0; pattern != 0 && block < types.size(); ++block) {
    const bool is_whole = (block + 1) % pattern == 0;
    require(config, "layer_types", types[block] == (is_whole ? "full_attention" : "sliding_attention"),
            fmt::format("a block without a window after every {} with one", pattern - 1));
  }
  return pattern;
}

void add_gemma3(const Settings& config, HyperParameterWriter& out) {
  require_query_scale(config, 62);
  require(config, "attn_logit_softcapping", !config.has("attn_logit_softcapping"), "none");
  if (const auto cap = config.number("final_logit_softcapping")) out.number("final_logit_softcapping", *cap);
  constexpr std::uint32_t kUsualPattern = 6;
  const std::uint32_t pattern = window_pattern(config, kUsualPattern);
  if (pattern != 1) out.count("attention.sliding_window", need_count(config, "sliding_window"));
  if (pattern != kUsualPattern) out.count("attention.sliding_window_pattern", pattern);
}

void add_phi3(const Settings& config, HyperParameterWriter& out) {
  const double share = rotated_share(config, 1);
  const double width = need_count(config, "hidden_size");
  const std::uint32_t heads = need_positive_count(config, "num_attention_heads");
  const std::uint32_t dimensions = static_cast<std::uint32_t>(share * width) / heads;
  out.count("rope.dimension_count", dimensions);
  const std::uint32_t trained = need_positive_count(config, "original_max_position_embeddings");
  out.count("rope.scaling.original_context_length", trained);
  if (const auto window = config.count("sliding_window")) out.count("attention.sliding_window", *window);

  const Settings rope = rope_parameters(config);
  const auto long_factors = rope.numbers("long_factor");
  const auto short_factors = rope.numbers("short_factor");
  if (!long_factors && !short_factors) return;
  if (!long_factors || !short_factors || long_factors->size() != dimensions / 2 ||
      short_factors->size() != dimensions / 2) {
    rope.refuse("long_factor", fmt::format("and short_factor must be {} numbers each", dimensions / 2));
  }
  // Ding et al. 2024, arXiv 2402.13753: what longer texts spread, larger scores make up for.
  const double growth = need_count(config, "max_position_embeddings") / static_cast<double>(trained);
  const double magnitude =
      growth > 1 ? std::sqrt(1 + portable_log(growth) / portable_log(static_cast<double>(trained))) : 1.0;
  out.number("rope.scaling.attn_factor", magnitude);
  out.tensor("rope_factors_long.weight", *long_factors);
  out.tensor("rope_factors_short.weight", *short_factors);
}

void add_olmo2(const Settings& config, HyperParameterWriter& /*out*/) {
  require(config, "sliding_window", !config.has("sliding_window"), "attention to all positions");
}

/// In three blocks of four, where the config does not say.
void add_windows(const Settings& config, HyperParameterWriter& out) {
  constexpr std::uint32_t kUsualPattern = 4;
  const std::uint32_t pattern = window_pattern(config, kUsualPattern);
  if (pattern != kUsualPattern) out.count("attention.sliding_window_pattern", pattern);
  out.count("attention.sliding_window", need_count(config, "sliding_window"));
}

void add_glm4(const Settings& config, HyperParameterWriter& out) {
  out.count("rope.dimension_count", static_cast<std::uint32_t>(rotated_share(config, 0.5) * head_width(config)));
}

void add_starcoder2(const Settings& config, HyperParameterWriter& out) {
  if (config.has("sliding_window")) {
    out.note(fmt::format("sliding_window {} is not in GGUF files of {}: attention to all positions",
                         *config.count("sliding_window"), out.architecture()));
  }
}

void add_cohere(const Settings& config, HyperParameterWriter& out) {
  require(config, "use_qk_norm", !config.flag("use_qk_norm").value_or(false), "queries and keys without norms");
  out.count("vocab_size", need_count(config, "vocab_size"));
  if (const auto scale = config.number("logit_scale")) out.number("logit_scale", *scale);
}

void add_cohere2(const Settings& config, HyperParameterWriter& out) {
  add_cohere(config, out);
  require(config, "rotary_pct", config.number("rotary_pct").value_or(1) == 1, "heads that are rotated whole");
  add_windows(config, out);
}

void add_gpt_oss(const Settings& config, HyperParameterWriter& out) {
  require(config, "swiglu_limit", config.number("swiglu_limit").value_or(7) == 7, "values between -7 and 7");
  const Json& types = config.array("layer_types");
  for (std::size_t block = 0; block < types.size(); ++block) {
    require(config, "layer_types", types[block] == (block % 2 == 0 ? "sliding_attention" : "full_attention"),
            "a window in every other block, the first among them");
  }
  out.count("attention.sliding_window", need_count(config, "sliding_window"));
  out.count("expert_feed_forward_length", need_count(config, "intermediate_size"));
  if (!rope_parameters(config).flag("truncate").value_or(true)) {
    out.note("rotation goes over from one scale to the other between whole pairs: GGUF has no key for 'truncate'");
  }
}

/// DeepSeek-AI 2024, arXiv 2405.04434. All heads share the latent vector, so that in GGUF there is one head of keys and
/// values; the lengths that the model means are those with _mla.
void add_deepseek2(const Settings& config, HyperParameterWriter& out) {
  const std::uint32_t latent = need_positive_count(config, "kv_lora_rank");
  const std::uint32_t rotated = need_positive_count(config, "qk_rope_head_dim");
  out.count("vocab_size", need_count(config, "vocab_size"));
  out.count("attention.head_count_kv", 1);
  out.count("attention.key_length", latent + rotated);
  out.count("attention.value_length", latent);
  out.count("attention.key_length_mla", need_count(config, "qk_nope_head_dim") + rotated);
  out.count("attention.value_length_mla", need_count(config, "v_head_dim"));
  out.count("attention.kv_lora_rank", latent);
  if (const auto rank = config.count("q_lora_rank")) out.count("attention.q_lora_rank", *rank);
  out.count("rope.dimension_count", rotated);
  require(config, "rope_interleave", config.flag("rope_interleave").value_or(true), "pairs of neighbours");
  const Settings rope = rope_parameters(config);
  if (const auto growth = rope.number("mscale_all_dim")) {
    require(rope, "mscale", rope.number("mscale").value_or(1) == *growth, "the same as mscale_all_dim");
    out.number("rope.scaling.yarn_log_multiplier", 0.1 * *growth);
  }

  require(config, "moe_layer_freq", config.count("moe_layer_freq").value_or(1) == 1, "experts in all later blocks");
  out.count("leading_dense_block_count", need_count(config, "first_k_dense_replace"));
  out.count("expert_feed_forward_length", need_count(config, "moe_intermediate_size"));
  out.count("expert_shared_count", config.count("n_shared_experts").value_or(0));
  out.number("expert_weights_scale", config.number("routed_scaling_factor").value_or(1));
  out.flag("expert_weights_norm", config.flag("norm_topk_prob").value_or(false));
  const bool has_sigmoids = config.text("scoring_func") == "sigmoid";
  require(config, "scoring_func", has_sigmoids || config.text("scoring_func").value_or("softmax") == "softmax",
          "softmax or sigmoid");
  out.count("expert_gating_func", has_sigmoids ? 2 : 1);
  const std::string method = config.text("topk_method").value_or("greedy");
  const std::uint32_t groups = config.count("n_group").value_or(1);
  if (groups < 2 || method == "greedy") return;
  require(config, "topk_method", method == "noaux_tc", "groups judged by their two best experts");
  out.count("expert_group_count", groups);
  out.count("expert_group_used_count", need_count(config, "topk_group"));
}

constexpr std::string_view kSilu = "silu";
constexpr std::string_view kGeluTanh = "gelu_pytorch_tanh";

constexpr std::string_view kGraniteDefaults =
    R"({"attention_multiplier": 1, "embedding_multiplier": 1, "residual_multiplier": 1, "logits_scaling": 1})";

// Defaults are those of transformers' configuration classes.
constexpr Family kFamilies[] = {
    {"LlamaForCausalLM", "llama", kSilu, "{}", true, false, false, add_llama},
    {"MistralForCausalLM", "llama", kSilu, "{}", true, false, false, add_llama},
    {"MixtralForCausalLM", "llama", kSilu,
     R"({"num_local_experts": 8, "num_experts_per_tok": 2, "rope_theta": 1000000})", true, false, false, add_llama},
    {"SmolLM3ForCausalLM", "smollm3", kSilu, R"({"rope_theta": 2000000})", true, false, false, add_smollm3},
    {"GraniteForCausalLM", "granite", kSilu, kGraniteDefaults, true, false, false, add_granite},
    {"GraniteMoeForCausalLM", "granitemoe", kSilu, kGraniteDefaults, true, false, false, add_granite_moe},
    {"GraniteMoeSharedForCausalLM", "granitemoe", kSilu, kGraniteDefaults, true, false, false, add_granite_moe},
    {"Ministral3ForCausalLM", "mistral3", kSilu, "{}", true, false, false, add_mistral3},
    {"Mistral3ForConditionalGeneration", "mistral3", kSilu, "{}", true, false, false, add_mistral3},
    {"Qwen2ForCausalLM", "qwen2", kSilu, "{}", false, false, false, add_qwen2},
    {"Qwen3ForCausalLM", "qwen3", kSilu, R"({"head_dim": 128})", false, false, false, add_qwen2},
    {"Qwen2MoeForCausalLM", "qwen2moe", kSilu, "{}", false, false, false, add_qwen2_moe},
    {"Qwen3MoeForCausalLM", "qwen3moe", kSilu, "{}", false, false, false, add_qwen3_moe},
    {"Gemma2ForCausalLM", "gemma2", kGeluTanh,
     R"({"head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 4096, "attn_logit_softcapping": 50,
         "final_logit_softcapping": 30})",
     false, true, true, add_gemma2},
    {"Gemma3ForCausalLM", "gemma3", kGeluTanh,
     R"({"head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 4096, "num_attention_heads": 8,
         "num_key_value_heads": 4, "max_position_embeddings": 131072, "rms_norm_eps": 1e-6, "rope_theta": 1000000,
         "rope_local_base_freq": 10000})",
     false, true, false, add_gemma3},
    {"Phi3ForCausalLM", "phi3", kSilu, R"({"original_max_position_embeddings": 4096})", false, false, false, add_phi3},
    {"Olmo2ForCausalLM", "olmo2", kSilu, "{}", false, false, false, add_olmo2},
    {"Olmo3ForCausalLM", "olmo2", kSilu, R"({"sliding_window": 4096})", false, false, false, add_windows},
    {"Glm4ForCausalLM", "glm4", kSilu, R"({"head_dim": 128})", false, false, false, add_glm4},
    {"Starcoder2ForCausalLM", "starcoder2", kGeluTanh, R"({"norm_epsilon": 1e-5})", false, false, false,
     add_starcoder2},
    {"CohereForCausalLM", "command-r", kSilu, R"({"layer_norm_eps": 1e-5, "logit_scale": 0.0625})", false, false, false,
     add_cohere},
    {"Cohere2ForCausalLM", "cohere2", kSilu,
     R"({"layer_norm_eps": 1e-5, "logit_scale": 0.0625, "sliding_window": 4096})", false, false, false, add_cohere2},
    {"GptOssForCausalLM", "gpt-oss", kSilu,
     R"({"head_dim": 64, "num_local_experts": 128, "num_experts_per_tok": 4, "sliding_window": 128,
         "rope_theta": 150000})",
     false, false, false, add_gpt_oss},
    {"DeepseekV2ForCausalLM", "deepseek2", kSilu, R"({"first_k_dense_replace": 0})", false, false, false, add_deepseek2,
     true},
    {"DeepseekV3ForCausalLM", "deepseek2", kSilu,
     R"({"first_k_dense_replace": 3, "scoring_func": "sigmoid", "topk_method": "noaux_tc", "norm_topk_prob": true})",
     false, false, false, add_deepseek2, true},
    {"Ernie4_5ForCausalLM", "ernie4_5", kSilu, R"({"rope_theta": 500000})", false, false, false, nullptr},
};

/// Other names of the same thing.
std::string_view common_name(std::string_view name) {
  if (name == "Gemma3ForConditionalGeneration") return "Gemma3ForCausalLM";
  if (name == "Ernie4_5_ForCausalLM") return "Ernie4_5ForCausalLM";
  return name;
}

}  // namespace

const Family& family_of(const Settings& config) {
  const Json& names = config.array("architectures");
  if (names.empty() || !names[0].is_string()) config.refuse("architectures", "must be a list of names");
  const auto& name = names[0].get_ref<const std::string&>();
  std::string known;
  for (const Family& family : kFamilies) {
    if (family.name == common_name(name)) return family;
    known.append(known.empty() ? "" : ", ").append(family.name);
  }
  config.refuse("architectures", fmt::format("names {}, which is not known", printable(name, 60)),
                "Known are " + known + ".");
}

std::optional<bool> has_neighbour_pairs(std::string_view architecture) {
  const auto* found = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                   [&](const Family& family) { return family.architecture == architecture; });
  return found == std::end(kFamilies) ? std::nullopt : std::optional(found->has_neighbour_pairs);
}

}  // namespace assay::hugging_face
