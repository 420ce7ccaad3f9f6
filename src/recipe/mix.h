// The standard mixes of types, under llama.cpp's names: a recipe says which type each tensor gets. Rules and numbers
// are those of llama.cpp's quantizer (src/llama-quant.cpp), so that a file of ours is the file that it would write:
// experts, 70B models and Falcon have rules of their own. They are the rules of the version that the tests compare with
// (the PyPI package cyllama); a later one may keep further tensors of architectures that are new then.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/file.h"
#include "quant/type.h"

namespace assay::recipe {

struct Mix {
  std::string_view name;    ///< "Q4_K_M"
  std::uint32_t file_type;  ///< general.file_type
  std::string_view type;    ///< of most tensors
  std::string_view what;    ///< one line for people
};

std::span<const Mix> all_mixes();

/// Without regard to case; "Q3_K", "Q4_K" and "Q5_K" are the _M mixes. Throws Error{usage} for an unknown name.
const Mix& find_mix(std::string_view name);

/// "PATTERN=TYPE": a type for the tensors whose whole name matches the pattern (`*`, `?`) or, for a pattern without
/// those two, contains it.
struct Override {
  std::string pattern;
  const quant::Type* type;

  bool matches(std::string_view tensor_name) const;
};
/// Throws Error{usage}.
Override parse_override(std::string_view text);

/// What a tensor becomes.
struct Choice {
  const quant::Type* type;
  bool is_fallback = false;  ///< the rows' length is no multiple of the block of the type that the rules name
};

struct ChoiceRules {
  const Mix* mix;
  bool is_pure = false;  ///< the mix's own type everywhere
  std::vector<Override> overrides;
};

/// By layer, then by name: the order in which rules count layers, and in which tensors are written.
std::vector<const gguf::Tensor*> in_layer_order(const gguf::File& file);

/// One choice a tensor of in_layer_order(file). Some rules ask whether there is an importance matrix. Throws
/// Error{usage} when an override matches no tensor that is quantized.
std::vector<Choice> choose_types(const gguf::File& file, std::span<const gguf::Tensor* const> tensors,
                                 const ChoiceRules& rules, bool has_importance);

}  // namespace assay::recipe
