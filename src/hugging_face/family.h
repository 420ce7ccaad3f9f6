// A family of models as Hugging Face's transformers names them, config.json's `architectures`, and what makes GGUF's
// architecture of it. Adding one is one entry of the table in the .cc.
#pragma once

#include <optional>
#include <string_view>

#include "hugging_face/hyper_parameters.h"
#include "hugging_face/settings.h"

namespace assay::hugging_face {

struct Family {
  std::string_view name;          ///< "LlamaForCausalLM"
  std::string_view architecture;  ///< GGUF's
  std::string_view activation;    ///< the one that the architecture computes, as config.json calls it
  std::string_view defaults;      ///< JSON: what transformers takes where config.json does not say
  /// GGUF's engines rotate neighbours here where transformers rotates halves of a head: rows of q and k change places.
  bool has_neighbour_pairs = false;
  bool adds_one_to_norms = false;    ///< transformers multiplies by 1 + w, GGUF holds the sum
  bool drops_output_matrix = false;  ///< it is the embedding in every model
  /// What is the family's own; may be null.
  void (*add_own)(const Settings& config, HyperParameterWriter& out) = nullptr;
  bool has_latent_attention = false;  ///< whose heads add_own describes
};

/// By the first of the config's `architectures`. Throws Error{unsupported} for an unknown one, and lists the known
/// ones.
const Family& family_of(const Settings& config);

/// Whether GGUF's architecture has rows of q and k exchanged; nullopt for one of no family here.
std::optional<bool> has_neighbour_pairs(std::string_view architecture);

}  // namespace assay::hugging_face
