// Hugging Face's names of tensors, and GGUF's: one table for all families, because nearly all of them call the same
// thing by the same name. The one exception is said by the caller: where norms stand.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace assay::hugging_face {

/// Where a tensor stands in GGUF: alone under a name, or as one of the matrices of a tensor of experts.
struct Place {
  std::string name;  ///< "blk.3.attn_q.weight"
  std::optional<std::size_t> expert;
};

/// Of "model.layers.3.self_attn.q_proj.weight". `has_post_norms`: says_post_norms() of any of the model's names.
/// Nullopt for a name that is not in the table.
std::optional<Place> place_of(std::string_view name, bool has_post_norms);

/// Whether this name tells that what follows the attention is normed (Gemma 2 and 3, OLMo 2). Elsewhere the same name,
/// "post_attention_layernorm", is that of the norm before the feed-forward part.
bool says_post_norms(std::string_view name);

/// Whether the tensor is of no use to a text model: tables that follow from hyper-parameters, eyes and ears.
bool is_needless(std::string_view name);

}  // namespace assay::hugging_face
