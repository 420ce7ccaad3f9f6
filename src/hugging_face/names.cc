#include "hugging_face/names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace assay::hugging_face {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr Pair kOutside[] = {{"embed_tokens", "token_embd"}, {"norm", "output_norm"}, {"lm_head", "output"}};

constexpr Pair kInLayer[] = {
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"self_attn.q_a_proj", "attn_q_a"},
    {"self_attn.q_a_layernorm", "attn_q_a_norm"},
    {"self_attn.q_b_proj", "attn_q_b"},
    {"self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"},
    {"self_attn.kv_a_layernorm", "attn_kv_a_norm"},
    {"self_attn.kv_b_proj", "attn_kv_b"},
    {"post_self_attn_layernorm", "post_attention_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"post_mlp_layernorm", "post_ffw_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.gate_up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.c_fc", "ffn_up"},
    {"mlp.c_proj", "ffn_down"},
    {"mlp.gate", "ffn_gate_inp"},
    {"block_sparse_moe.gate", "ffn_gate_inp"},
    {"mlp.router", "ffn_gate_inp"},
    {"block_sparse_moe.router.layer", "ffn_gate_inp"},
    {"block_sparse_moe.input_linear", "ffn_gate_up_exps"},
    {"block_sparse_moe.output_linear", "ffn_down_exps"},
    {"shared_mlp.input_linear", "ffn_gate_up_shexp"},
    {"shared_mlp.output_linear", "ffn_down_shexp"},
    {"mlp.shared_expert_gate", "ffn_gate_inp_shexp"},
    {"mlp.shared_expert.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_expert.up_proj", "ffn_up_shexp"},
    {"mlp.shared_expert.down_proj", "ffn_down_shexp"},
    {"mlp.shared_experts.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_experts.up_proj", "ffn_up_shexp"},
    {"mlp.shared_experts.down_proj", "ffn_down_shexp"},
};

/// Names that do not end in their kind.
constexpr Pair kWhole[] = {
    {"self_attn.sinks", "attn_sinks.weight"},
    {"mlp.gate.e_score_correction_bias", "exp_probs_b.bias"},
    {"mlp.experts.gate_up_proj", "ffn_gate_up_exps.weight"},
    {"mlp.experts.gate_up_proj_blocks", "ffn_gate_up_exps.weight"},
    {"mlp.experts.gate_up_proj_bias", "ffn_gate_up_exps.bias"},
    {"mlp.experts.down_proj", "ffn_down_exps.weight"},
    {"mlp.experts.down_proj_blocks", "ffn_down_exps.weight"},
    {"mlp.experts.down_proj_bias", "ffn_down_exps.bias"},
};

/// Of layers with norms behind the parts, before the others.
constexpr Pair kPostNorms[] = {{"post_attention_layernorm", "post_attention_norm"},
                               {"pre_feedforward_layernorm", "ffn_norm"},
                               {"post_feedforward_layernorm", "post_ffw_norm"}};

/// gpt-oss: a layer has two norms, of which GGUF calls the second by what stands before it.
constexpr Pair kNormsBesideSinks[] = {{"post_attention_layernorm", "post_attention_norm"}};

// How names of scales end, and of what they scale.
constexpr std::string_view kBlocks = "_blocks";
constexpr std::string_view kScalesOfBlocks = "_scales";
/// It is multiplied with, too.
constexpr std::string_view kInverseScale = "_scale_inv";
constexpr std::string_view kScale = "_scale";

/// Behind the number of an expert.
constexpr Pair kInExpert[] = {{"gate_proj", "ffn_gate_exps"}, {"up_proj", "ffn_up_exps"},
                              {"down_proj", "ffn_down_exps"}, {"w1", "ffn_gate_exps"},
                              {"w3", "ffn_up_exps"},          {"w2", "ffn_down_exps"}};

std::optional<std::string_view> find(std::span<const Pair> table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Pair& pair) { return pair.first == name; });
  if (found == table.end()) return std::nullopt;
  return found->second;
}

/// Takes "12." from the front of the text.
std::optional<std::size_t> take_number(std::string_view& text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || digits == text.size() || *end != '.') return std::nullopt;
  text.remove_prefix(digits + 1);
  return number;
}

/// Takes what stands before the parts of a text model.
void take_prefix(std::string_view& name) {
  for (const std::string_view prefix : {"language_model.", "model.", "language_model."}) {
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  }
}

/// Takes "layers.12." from the front of the text.
std::optional<std::size_t> take_layer(std::string_view& name) {
  constexpr std::string_view kLayers = "layers.";
  if (!name.starts_with(kLayers)) return std::nullopt;
  name.remove_prefix(kLayers.size());
  return take_number(name);
}

/// Behind the number of a layer.
std::optional<Place> place_in_layer(std::size_t layer, std::string_view name, const Habits& habits) {
  if (const auto whole = find(kWhole, name)) return Place{fmt::format("blk.{}.{}", layer, *whole), std::nullopt};
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view kind = name.substr(dot);
  if (kind != ".weight" && kind != ".bias") return std::nullopt;
  name = name.substr(0, dot);
  for (const std::string_view experts : {"mlp.experts.", "block_sparse_moe.experts."}) {
    if (!name.starts_with(experts)) continue;
    name.remove_prefix(experts.size());
    const auto expert = take_number(name);
    const auto in_expert = find(kInExpert, name);
    if (!expert || !in_expert) return std::nullopt;
    return Place{fmt::format("blk.{}.{}{}", layer, *in_expert, kind), expert};
  }
  auto in_layer = habits.has_post_norms ? find(kPostNorms, name) : std::nullopt;
  if (habits.has_sinks) in_layer = find(kNormsBesideSinks, name);
  if (!in_layer) in_layer = find(kInLayer, name);
  if (!in_layer) return std::nullopt;
  return Place{fmt::format("blk.{}.{}{}", layer, *in_layer, kind), std::nullopt};
}

}  // namespace

void Habits::see(std::string_view name) {
  has_post_norms = has_post_norms || name.find(".post_feedforward_layernorm") != std::string_view::npos;
  has_sinks = has_sinks || name.ends_with(".self_attn.sinks");
  take_prefix(name);
  const auto layer = take_layer(name);
  if (layer && name == "eh_proj.weight") guessing_layers.insert(*layer);
}

std::optional<Place> place_of(std::string_view name, const Habits& habits) {
  take_prefix(name);
  if (const auto layer = take_layer(name)) return place_in_layer(*layer, name, habits);
  for (const std::string_view kind : {".weight", ".bias"}) {
    if (!name.ends_with(kind)) continue;
    if (const auto outside = find(kOutside, name.substr(0, name.size() - kind.size()))) {
      return Place{fmt::format("{}{}", *outside, kind), std::nullopt};
    }
  }
  return std::nullopt;
}

bool is_needless(std::string_view name, const Habits& habits) {
  constexpr std::array<std::string_view, 7> kTables = {".rotary_emb.inv_freq",
                                                       ".attention.bias",
                                                       ".attention.masked_bias",
                                                       ".input_scale",
                                                       ".output_scale",
                                                       ".k_scale",
                                                       ".v_scale"};
  constexpr std::array<std::string_view, 4> kSenses = {"vision_tower.", "multi_modal_projector.", "vision_model.",
                                                       "audio_tower."};
  std::string_view inside = name;
  take_prefix(inside);
  const auto layer = take_layer(inside);
  if (layer && habits.guessing_layers.count(*layer) > 0) return true;
  if (name.starts_with("model.")) name.remove_prefix(6);
  return std::any_of(kTables.begin(), kTables.end(), [&](std::string_view end) { return name.ends_with(end); }) ||
         std::any_of(kSenses.begin(), kSenses.end(), [&](std::string_view start) { return name.starts_with(start); });
}

std::vector<std::string> names_of_scales(std::string_view tensor) {
  if (tensor.ends_with(kBlocks)) {
    return {fmt::format("{}{}", tensor.substr(0, tensor.size() - kBlocks.size()), kScalesOfBlocks)};
  }
  return {fmt::format("{}{}", tensor, kInverseScale), fmt::format("{}{}", tensor, kScale)};
}

std::optional<std::string> name_of_scaled(std::string_view scales) {
  constexpr Pair kEnds[] = {{kScalesOfBlocks, kBlocks}, {kInverseScale, ""}, {kScale, ""}};
  for (const auto& [end, instead] : kEnds) {
    if (scales.ends_with(end)) return fmt::format("{}{}", scales.substr(0, scales.size() - end.size()), instead);
  }
  return std::nullopt;
}

}  // namespace assay::hugging_face
