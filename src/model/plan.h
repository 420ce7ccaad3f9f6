// A plan: what a model computes, as a list of named steps over named values. An architecture writes it, engines execute
// it. A plan knows nothing of engines, and an engine knows nothing of architectures.
//
// Every value is one vector a token; its name is its tap ("blk.3.q_rope"). Each step writes one value. Weights are
// matrices [rows = outputs, columns = inputs] as GGUF stores them (ne[0] = inputs).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gguf/file.h"

namespace assay::model {

using ValueId = std::int32_t;   // index into Plan::values
using WeightId = std::int32_t;  // index into Plan::weights
inline constexpr WeightId kNoWeight = -1;

struct Value {
  std::string tap;
  std::size_t width;  // channels
};

/// out = row `token id` of `table` [vocabulary, width].
struct Embed {
  WeightId table;
};

/// out = x / sqrt(mean(x^2) + epsilon) * weight, over each run of `group` channels (the whole vector, or one head).
/// `weight` has `group` values. Zhang and Sennrich 2019.
struct RmsNorm {
  WeightId weight;
  double epsilon;
  std::size_t group;
};

/// out = W x (+ bias).
struct Linear {
  WeightId weight;
  WeightId bias = kNoWeight;
};

enum class RopePairing {
  neighbours,  ///< (2i, 2i+1): GGUF's "norm"
  halves,      ///< (i, i + dimensions/2): "neox"
};

/// Rotates the first `2 * frequencies.size()` channels of every head by position * frequencies[i], times `magnitude`.
/// Su et al. 2021; scaled variants differ only in frequencies and magnitude (see model/rope.h).
struct Rope {
  RopePairing pairing;
  std::size_t head_width;
  std::vector<double> frequencies;  // radians a position, one per pair
  double magnitude = 1;
};

/// Causal attention with grouped heads: query head h reads key/value head h / (heads / kv_heads).
/// Inputs: q [heads * head_width], k, v [kv_heads * head_width]; k and v are appended to the cache of `layer`.
/// out = softmax(scale * q k^T over positions <= own) v, heads one after another.
struct Attention {
  std::size_t layer;
  std::size_t heads;
  std::size_t kv_heads;
  std::size_t head_width;
  double scale;
};

enum class Activation { silu };

/// out = activation(gate) * up. Inputs: gate, up.
struct GatedActivation {
  Activation activation;
};

/// out = a + b.
struct Add {};

using Operation = std::variant<Embed, RmsNorm, Linear, Rope, Attention, GatedActivation, Add>;

/// As reports and precision policies call it: "linear".
inline std::string_view name_of(const Operation& operation) {
  constexpr std::array<std::string_view, std::variant_size_v<Operation>> kNames = {
      "embed", "rms_norm", "linear", "rope", "attention", "gated_activation", "add"};
  return kNames[operation.index()];
}

struct Step {
  Operation operation;
  std::vector<ValueId> inputs;
  ValueId output;
  bool only_outputs = false;  ///< computed only for tokens whose logits are asked for; so are its inputs' rows
};

struct Plan {
  std::vector<Value> values;
  std::vector<Step> steps;
  std::vector<const gguf::Tensor*> weights;
  ValueId logits = -1;

  std::size_t vocabulary = 0;
  std::size_t context_length = 0;  // positions the model was trained for
  std::size_t layers = 0;
  std::size_t kv_width = 0;  // channels of k (and of v) in one layer's cache
};

}  // namespace assay::model
