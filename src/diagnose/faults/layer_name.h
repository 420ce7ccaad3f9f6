// Names with a layer in them: taps ("blk.3.attn_norm") and tensors ("blk.3.attn_norm.weight").
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace assay::diagnose {

struct LayerName {
  std::size_t layer;
  std::string_view part;  ///< what follows the layer: "attn_norm.weight"

  std::string text() const { return "blk." + std::to_string(layer) + "." + std::string(part); }
};

/// What the taps of all layers have in common: "q_rope" of "blk.3.q_rope".
inline std::string_view kind_of(std::string_view tap) {
  const std::size_t dot = tap.rfind('.');
  return dot == std::string_view::npos ? tap : tap.substr(dot + 1);
}

/// Nothing for a name without a layer.
inline std::optional<LayerName> parse_layer_name(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (name.substr(0, kPrefix.size()) != kPrefix) return std::nullopt;
  LayerName parsed{};
  const char* const last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data() + kPrefix.size(), last, parsed.layer);
  if (error != std::errc() || end == last || *end != '.') return std::nullopt;
  parsed.part = std::string_view(end + 1, static_cast<std::size_t>(last - end - 1));
  return parsed;
}

}  // namespace assay::diagnose
