// Hugging Face's names of tensors, and GGUF's: one table for all families, because nearly all of them call the same
// thing by the same name. The exceptions are told by other names of the same model.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace assay::hugging_face {

/// Where a tensor stands in GGUF: alone under a name, or as one of the matrices of a tensor of experts.
struct Place {
  std::string name;  ///< "blk.3.attn_q.weight"
  std::optional<std::size_t> expert;
};

/// What a model's names tell together.
struct Habits {
  /// What follows the attention is normed (Gemma 2 and 3, OLMo 2): elsewhere the same name, "post_attention_layernorm",
  /// is that of the norm before the feed-forward part.
  bool has_post_norms = false;
  bool has_sinks = false;  ///< gpt-oss
  /// Layers that only guess further tokens (DeepSeek-V3's last).
  std::set<std::size_t> guessing_layers;

  void see(std::string_view name);
};

/// Of "model.layers.3.self_attn.q_proj.weight". What GGUF has in two tensors goes by a name of its own:
/// "ffn_gate_up_exps", "ffn_gate_up_shexp", "attn_kv_b". Nullopt for a name that is not in the table.
std::optional<Place> place_of(std::string_view name, const Habits& habits);

/// Whether the tensor is of no use to a text model: tables that follow from hyper-parameters, scales of activations,
/// eyes and ears, guessing layers.
bool is_needless(std::string_view name, const Habits& habits);

/// What a tensor of scales would be called, and the tensor that scales of this name belong to.
std::vector<std::string> names_of_scales(std::string_view tensor);
std::optional<std::string> name_of_scaled(std::string_view scales);

}  // namespace assay::hugging_face
