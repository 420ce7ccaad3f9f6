// A plan: what a model computes, as a list of named steps over named values. An architecture writes it, engines execute
// it. A plan knows nothing of engines, and an engine knows nothing of architectures.
//
// Every value is one vector a token; its name is its tap ("blk.3.q_rope"). Each step writes one value. Weights are
// matrices [rows = outputs, columns = inputs] as GGUF stores them (ne[0] = inputs).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/math.h"
#include "gguf/tensor.h"

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

/// out = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight (+ bias). Ba et al. 2016, arXiv 1607.06450.
struct LayerNorm {
  WeightId weight;
  WeightId bias;  ///< or kNoWeight
  double epsilon;
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
  // What they were made of, for who looks for mistakes in that.
  double base = 0;
  bool is_scaled = true;  ///< by rope.scaling.* and the tensors of factors
};

/// Causal attention with grouped heads: query head h reads key/value head h / (heads / kv_heads).
/// Inputs: q [heads * head_width], k [kv_heads * head_width], v [kv_heads * value_width]; k and v are appended to the
/// cache of `layer`.
/// out = softmax(capped(scale * q k^T) over the positions seen) v, heads one after another. A token sees its own
/// position and those before it, with a window only the last `window` of these. Capped is cap * tanh(x / cap), as in
/// SoftCap. Windows: Beltagy et al. 2020, arXiv 2004.05150.
struct Attention {
  std::size_t layer;
  std::size_t heads;
  std::size_t kv_heads;
  std::size_t head_width;
  std::size_t value_width;  ///< channels of a head of v and of the output; at most head_width
  double scale;
  double soft_cap = 0;     ///< 0: none
  std::size_t window = 0;  ///< 0: all positions
  /// [heads] numbers that take part in each head's softmax as scores of a key whose value is 0, so that weights may add
  /// up to less than 1. Xiao et al. 2023, arXiv 2309.17453; OpenAI 2025, arXiv 2508.10925.
  WeightId sinks = kNoWeight;

  /// The first position that a token at `position` sees.
  std::size_t first_seen(std::size_t position) const {
    return window == 0 || position < window ? 0 : position + 1 - window;
  }
};

enum class Activation {
  silu,       ///< x / (1 + e^-x)
  gelu,       ///< x P(X <= x) for a normal X. Hendrycks and Gimpel 2016, arXiv 1606.08415
  gelu_tanh,  ///< their approximation: x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3)
  /// Of gpt-oss (OpenAI 2025, arXiv 2508.10925), no function of the gate alone: x / (1 + e^(-1.702 x)) (1 + up) with
  /// the gate x kept at or below 7 and up within +-7.
  clamped_swiglu,
};

/// The constants of Activation::gelu_tanh.
inline constexpr double kGeluRoot = 0.79788456080286535588;  // sqrt(2 / pi)
inline constexpr double kGeluCubic = 0.044715;

/// The constants of Activation::clamped_swiglu.
inline constexpr double kSwigluSlope = 1.702;
inline constexpr double kSwigluLimit = 7;

/// out = activation(gate) * up, or activation(gate) alone. Inputs: gate, up; or gate.
struct GatedActivation {
  Activation activation;
};

/// out = a + b.
struct Add {};

/// out = x + bias.
struct AddBias {
  WeightId bias;
};

/// Channels beside each other, group by group: group g of out is made of the inputs' parts in their order, each `count`
/// channels from `first` on of the input's own group g, `width` channels wide. An input that is no wider than a group
/// gives each group the same.
struct Concat {
  struct Part {
    std::size_t first;
    std::size_t count;
    std::size_t width;
  };
  std::size_t groups;
  std::vector<Part> parts;
};

/// out = factor * x.
struct Scale {
  double factor;
};

/// out = (1 + growth * ln(1 + floor(position / length))) * x: queries that grow with the position, lest attention thins
/// out over long texts. The attention temperature of Llama 4, after Nakanishi 2025, arXiv 2501.19399.
struct PositionScale {
  double growth;
  std::size_t length;

  double factor(std::size_t position) const {
    return 1 + growth * portable_log(1 + static_cast<double>(position / length));  // NOLINT(bugprone-integer-division)
  }
};

/// out = cap * tanh(x / cap): stays within +-cap. Bello et al. 2016, arXiv 1611.09940; Gemma 2, arXiv 2408.00118.
struct SoftCap {
  double cap;
};

// A mixture of experts. Shazeer et al. 2017, arXiv 1701.06538; Jiang et al. 2024 (Mixtral), arXiv 2401.04088. A router
// scores the experts, each token chooses some of them, one a slot, and what these make of it is added with weights. A
// value of all slots holds them one after another.

/// out = e^x / sum e^x.
struct Softmax {};

/// out = 1 / (1 + e^-x).
struct Sigmoid {};

inline constexpr std::size_t kMaxExpertGroups = 64;

/// out = the indices of the largest values of x, largest first: as many as `out` has channels. Of equal ones the lowest
/// index comes first. With groups only of x's equal parts whose two largest values have the largest sums: as many as
/// `used_groups`. DeepSeek-AI 2024 (V3), arXiv 2412.19437, section 2.1.2.
struct TopK {
  std::size_t groups = 1;
  std::size_t used_groups = 1;
};

/// out[slot] = x[index[slot]]. Inputs: x, the indices.
struct Pick {};

/// out = x / sum x.
struct Normalize {};

/// Slot by slot out = W x (+ bias) with the matrix of the expert that the slot chose: of a tensor
/// [experts, outputs, inputs], and of biases [experts, outputs]. Inputs: x, either one vector for all slots or one
/// each; the indices. Without these slot s has matrix s, and is a head.
struct ExpertLinear {
  WeightId weight;
  WeightId bias = kNoWeight;
  std::size_t experts;
  std::size_t outputs;
};

/// out = sum over the slots of weight[slot] * x[slot]. Inputs: x of all slots, the weights.
struct WeightedSum {};

/// out = x / (1 + e^-s). Inputs: s, one channel; x.
struct SigmoidGate {};

using Operation = std::variant<Embed, RmsNorm, LayerNorm, Linear, Rope, PositionScale, Attention, GatedActivation, Add,
                               AddBias, Concat, Scale, SoftCap, Softmax, Sigmoid, TopK, Pick, Normalize, ExpertLinear,
                               WeightedSum, SigmoidGate>;

/// As reports and precision policies call it: "linear".
inline std::string_view name_of(const Operation& operation) {
  constexpr std::array<std::string_view, std::variant_size_v<Operation>> kNames = {
      "embed",         "rms_norm",         "layer_norm",  "linear",   "rope",   "position_scale",
      "attention",     "gated_activation", "add",         "add_bias", "concat", "scale",
      "soft_cap",      "softmax",          "sigmoid",     "top_k",    "pick",   "normalize",
      "expert_linear", "weighted_sum",     "sigmoid_gate"};
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
  std::vector<std::shared_ptr<const gguf::Tensor>> parts;  ///< those of the weights that are rows of a tensor
  ValueId logits = -1;

  std::size_t vocabulary = 0;
  std::size_t context_length = 0;  // positions the model was trained for, at most context_limit
  std::size_t context_limit = 0;   // what is computed is the model up to so many positions only; 0: any number
  std::size_t layers = 0;
  std::size_t kv_width = 0;  // channels of k in one layer's cache; v has no more
};

}  // namespace assay::model
