#include "engine/oracle/rounded.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <iterator>
#include <variant>

#include "base/math.h"
#include "engine/oracle/experts.h"
#include "engine/oracle/heads.h"
#include "engine/oracle/q8.h"
#include "quant/half.h"
#include "quant/type.h"

namespace assay::engine::oracle {
namespace {

float same(float x) { return x; }
float to_f16(float x) { return quant::half_to_float(quant::float_to_half(x)); }
float to_bf16(float x) { return quant::bfloat_to_float(quant::float_to_bfloat(x)); }

// A function of one number, in float64 and rounded.
float exp_f32(float x) { return static_cast<float>(portable_exp(static_cast<double>(x))); }
float tanh_f32(float x) { return static_cast<float>(portable_tanh(static_cast<double>(x))); }
float erf_f32(float x) { return static_cast<float>(1 - portable_erfc(static_cast<double>(x))); }

/// As engines write them.
float gated(model::Activation activation, float x, float up) {
  constexpr float kHalfRoot = 0.707106781186547524F;
  const auto root = static_cast<float>(model::kGeluRoot);
  const auto cubic = static_cast<float>(model::kGeluCubic);
  switch (activation) {
    case model::Activation::silu:
      return x / (1 + exp_f32(-x)) * up;
    case model::Activation::gelu:
      return 0.5F * x * (1 + erf_f32(x * kHalfRoot)) * up;
    case model::Activation::gelu_tanh:
      return 0.5F * x * (1 + tanh_f32(root * x * (1 + cubic * x * x))) * up;
    case model::Activation::clamped_swiglu: {
      constexpr auto kLimit = static_cast<float>(model::kSwigluLimit);
      const float gate = std::min(x, kLimit);
      return gate / (1 + exp_f32(static_cast<float>(-model::kSwigluSlope) * gate)) *
             (1 + std::clamp(up, -kLimit, kLimit));
    }
  }
  return x;
}

float soft_capped(float x, double cap) {
  const auto limit = static_cast<float>(cap);
  return limit * tanh_f32(x / limit);
}

/// An arithmetic: how inputs, results and the sums in between are rounded.
template <float (*kInput)(float), float (*kResult)(float), float (*kSum)(float)>
class Rounded {
 public:
  /// Makes the copies of the inputs; the team meets before it goes on.
  Rounded(const Call& call, RoundedInputs& copies) : call_(call), given_(call) {
    const auto [begin, end] = call.team.share(call.rows);
    for (std::size_t k = 0; k < std::size(call.inputs) && call.inputs[k].data != nullptr; ++k) {
      const std::size_t width = call.inputs[k].width;
      double* copy = copies.values[k].data();
      for (std::size_t i = begin; i < end; ++i) round_row(call.inputs[k].row(i), width, copy + i * width);
      call_.inputs[k] = {copy, width, nullptr};
    }
    call.team.barrier();
  }

  void operator()(const model::Embed& embed) const {
    const auto [begin, end] = call_.team.share(call_.rows);
    for (std::size_t i = begin; i < end; ++i) {
      const auto token = static_cast<std::size_t>(call_.batch.tokens[i].token);
      read_row(embed.table, token, call_.weights);
      for (std::size_t c = 0; c < call_.width; ++c) put(i, c, at(call_.weights, c));
    }
  }

  void operator()(const model::RmsNorm& norm) const {
    read_row(norm.weight, 0, call_.weights);
    const auto epsilon = static_cast<float>(norm.epsilon);
    const auto [begin, end] = call_.team.share(call_.rows);
    for (std::size_t i = begin; i < end; ++i) {
      for (std::size_t first = 0; first < call_.width; first += norm.group) {
        const double* x = call_.inputs[0].row(i) + first;
        const float root = std::sqrt(dot(x, x, norm.group) / static_cast<float>(norm.group) + epsilon);
        for (std::size_t c = 0; c < norm.group; ++c) put(i, first + c, at(x, c) / root * at(call_.weights, c));
      }
    }
  }

  void operator()(const model::LayerNorm& norm) const {
    read_row(norm.weight, 0, call_.weights);
    const bool biased = norm.bias != model::kNoWeight;
    if (biased) read_row(norm.bias, 0, call_.scratch);
    const auto epsilon = static_cast<float>(norm.epsilon);
    const auto count = static_cast<float>(call_.width);
    const auto [begin, end] = call_.team.share(call_.rows);
    for (std::size_t i = begin; i < end; ++i) {
      const double* x = call_.inputs[0].row(i);
      double* out = call_.output + i * call_.width;
      float sum = 0;
      for (std::size_t c = 0; c < call_.width; ++c) sum = kSum(sum + at(x, c));
      for (std::size_t c = 0; c < call_.width; ++c) out[c] = at(x, c) - sum / count;
      const float root = std::sqrt(dot(out, out, call_.width) / count + epsilon);
      for (std::size_t c = 0; c < call_.width; ++c) {
        const float scaled = at(out, c) / root * at(call_.weights, c);
        put(i, c, biased ? kSum(scaled + at(call_.scratch, c)) : scaled);
      }
    }
  }

  void operator()(const model::Linear& linear) const {
    const bool biased = linear.bias != model::kNoWeight;
    if (biased) read_row(linear.bias, 0, call_.scratch);
    const auto [begin, end] = call_.team.share(call_.width);
    for (std::size_t r = begin; r < end; ++r) {
      read_row(linear.weight, r, call_.weights);
      for (std::size_t i = 0; i < call_.rows; ++i) {
        const float sum = dot(call_.weights, call_.inputs[0].row(i), call_.inputs[0].width);
        put(i, r, biased ? kSum(sum + at(call_.scratch, r)) : sum);
      }
    }
  }

  void operator()(const model::Rope& rope) const {
    const std::size_t pairs = rope.frequencies.size();
    const bool neighbours = rope.pairing == model::RopePairing::neighbours;
    const auto [begin, end] = call_.team.share(call_.rows);
    for (std::size_t i = begin; i < end; ++i) {
      const auto position = static_cast<double>(call_.batch.positions[i]);
      const double* x = call_.inputs[0].row(i);
      for (std::size_t c = 0; c < call_.width; ++c) put(i, c, at(x, c));
      for (std::size_t pair = 0; pair < pairs; ++pair) {
        const double angle = position * rope.frequencies[pair];
        const auto cosine = static_cast<float>(portable_cos(angle) * rope.magnitude);
        const auto sine = static_cast<float>(portable_sin(angle) * rope.magnitude);
        const std::size_t first = neighbours ? 2 * pair : pair;
        const std::size_t second = neighbours ? 2 * pair + 1 : pair + pairs;
        for (std::size_t head = 0; head < call_.width; head += rope.head_width) {
          const float a = at(x, head + first);
          const float b = at(x, head + second);
          put(i, head + first, kSum(a * cosine - b * sine));
          put(i, head + second, kSum(a * sine + b * cosine));
        }
      }
    }
  }

  void operator()(const model::PositionScale& scale) const {
    for_each_channel([&](std::size_t i, std::size_t c) {
      return static_cast<float>(scale.factor(call_.batch.positions[i])) * at(call_.inputs[0].row(i), c);
    });
  }

  void operator()(const model::Attention& attention) const {
    const auto scale = static_cast<float>(attention.scale);
    double* scores = call_.scratch;
    const bool has_sinks = attention.sinks != model::kNoWeight;
    if (has_sinks) read_row(attention.sinks, 0, call_.weights);
    for_each_head(attention, call_, [&](const Head& head) {
      for (std::size_t p = 0; p < head.seen; ++p) {
        const float score = dot(head.q, head.keys + p * head.kv_width, attention.head_width) * scale;
        scores[p] = attention.soft_cap == 0 ? score : soft_capped(score, attention.soft_cap);
      }
      auto largest = static_cast<float>(*std::max_element(scores, scores + head.seen));
      if (has_sinks) largest = std::max(largest, at(call_.weights, head.number));
      float sum = 0;
      for (std::size_t p = 0; p < head.seen; ++p) {
        scores[p] = exp_f32(at(scores, p) - largest);
        sum = kSum(sum + at(scores, p));
      }
      if (has_sinks) sum = kSum(sum + exp_f32(at(call_.weights, head.number) - largest));
      std::fill_n(head.out, attention.value_width, 0.0);
      for (std::size_t p = 0; p < head.seen; ++p) {
        const float weight = at(scores, p);
        const double* value = head.values + p * head.kv_width;
        for (std::size_t c = 0; c < attention.value_width; ++c) {
          head.out[c] = kSum(at(head.out, c) + weight * at(value, c));
        }
      }
      for (std::size_t c = 0; c < attention.value_width; ++c) head.out[c] = kResult(at(head.out, c) / sum);
    });
  }

  void operator()(const model::GatedActivation& gated) const {
    const bool is_alone = call_.inputs[1].data == nullptr;
    for_each_channel([&](std::size_t i, std::size_t c) {
      const float up = is_alone ? 1 : at(call_.inputs[1].row(i), c);
      return oracle::gated(gated.activation, at(call_.inputs[0].row(i), c), up);
    });
  }

  void operator()(const model::Add& /*add*/) const {
    for_each_channel(
        [&](std::size_t i, std::size_t c) { return at(call_.inputs[0].row(i), c) + at(call_.inputs[1].row(i), c); });
  }

  void operator()(const model::AddBias& add) const {
    read_row(add.bias, 0, call_.weights);
    for_each_channel(
        [&](std::size_t i, std::size_t c) { return at(call_.inputs[0].row(i), c) + at(call_.weights, c); });
  }

  void operator()(const model::Concat& concat) const { run(concat, given_); }

  void operator()(const model::Sigmoid& /*sigmoid*/) const {
    for_each_channel([&](std::size_t i, std::size_t c) { return 1 / (1 + exp_f32(-at(call_.inputs[0].row(i), c))); });
  }

  void operator()(const model::Scale& scale) const {
    const auto factor = static_cast<float>(scale.factor);
    for_each_channel([&](std::size_t i, std::size_t c) { return factor * at(call_.inputs[0].row(i), c); });
  }

  void operator()(const model::SoftCap& cap) const {
    for_each_channel([&](std::size_t i, std::size_t c) { return soft_capped(at(call_.inputs[0].row(i), c), cap.cap); });
  }

  void operator()(const model::Softmax& /*softmax*/) const {
    const auto [begin, end] = call_.team.share(call_.rows);
    for (std::size_t i = begin; i < end; ++i) {
      const double* x = call_.inputs[0].row(i);
      double* out = call_.output + i * call_.width;
      const auto largest = static_cast<float>(*std::max_element(x, x + call_.width));
      float sum = 0;
      for (std::size_t c = 0; c < call_.width; ++c) {
        out[c] = exp_f32(at(x, c) - largest);
        sum = kSum(sum + at(out, c));
      }
      for (std::size_t c = 0; c < call_.width; ++c) put(i, c, at(out, c) / sum);
    }
  }

  // Indices are no numbers to be rounded.
  void operator()(const model::TopK& top) const { run(top, call_); }

  void operator()(const model::Pick& /*pick*/) const {
    for_each_channel([&](std::size_t i, std::size_t c) {
      return static_cast<float>(picked(call_.inputs[0].row(i), call_.inputs[0].width, given_.inputs[1].row(i)[c]));
    });
  }

  void operator()(const model::Normalize& /*normalize*/) const {
    const auto [begin, end] = call_.team.share(call_.rows);
    for (std::size_t i = begin; i < end; ++i) {
      const double* x = call_.inputs[0].row(i);
      float sum = 0;
      for (std::size_t c = 0; c < call_.width; ++c) sum = kSum(sum + at(x, c));
      for (std::size_t c = 0; c < call_.width; ++c) put(i, c, at(x, c) / sum);
    }
  }

  void operator()(const model::ExpertLinear& linear) const {
    const Slots slots(linear, given_, call_.inputs[0]);
    const bool biased = linear.bias != model::kNoWeight;
    const auto [begin, end] = call_.team.share(linear.outputs);
    slots.spoil_unnamed(begin, end);
    for (std::size_t expert = 0; expert < linear.experts; ++expert) {
      if (!slots.of(expert, [](const Slot&) {})) continue;
      if (biased) read_row(linear.bias, expert, call_.scratch);
      for (std::size_t r = begin; r < end; ++r) {
        read_row(linear.weight, expert * linear.outputs + r, call_.weights);
        slots.of(expert, [&](const Slot& slot) {
          const float sum = dot(call_.weights, slot.x, slots.inputs());
          slot.out[r] = kResult(biased ? kSum(sum + at(call_.scratch, r)) : sum);
        });
      }
    }
  }

  void operator()(const model::WeightedSum& /*sum*/) const {
    for_each_channel([&](std::size_t i, std::size_t c) {
      float sum = 0;
      for (std::size_t slot = 0; slot < call_.inputs[1].width; ++slot) {
        sum = kSum(sum + at(call_.inputs[1].row(i), slot) * at(call_.inputs[0].row(i), slot * call_.width + c));
      }
      return sum;
    });
  }

  void operator()(const model::SigmoidGate& /*gate*/) const {
    for_each_channel([&](std::size_t i, std::size_t c) {
      return at(call_.inputs[1].row(i), c) / (1 + exp_f32(-at(call_.inputs[0].row(i), 0)));
    });
  }

 private:
  static float at(const double* values, std::size_t i) { return static_cast<float>(values[i]); }
  void put(std::size_t row, std::size_t channel, float value) const {
    call_.output[row * call_.width + channel] = kResult(value);
  }

  template <typename Compute>
  void for_each_channel(Compute compute) const {
    const auto [begin, end] = call_.team.share(call_.width);
    for (std::size_t i = 0; i < call_.rows; ++i) {
      for (std::size_t c = begin; c < end; ++c) put(i, c, compute(i, c));
    }
  }

  static void round_row(const double* x, std::size_t count, double* out) {
    for (std::size_t i = 0; i < count; ++i) out[i] = kInput(at(x, i));
  }
  void read_row(model::WeightId id, std::size_t index, double* values) const {
    const gguf::Tensor& tensor = *call_.plan.weights[static_cast<std::size_t>(id)];
    call_.kernels.exact[tensor.type->id].decode(tensor.row(index).data(), tensor.row_values(), values);
    round_row(values, tensor.row_values(), values);
  }

  /// The lanes of kernels.h's dot_exact, in float32.
  static float dot(const double* a, const double* b, std::size_t count) {
    constexpr std::size_t kLanes = 16;
    float lane[kLanes] = {};
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      for (std::size_t j = 0; j < kLanes; ++j) lane[j] = kSum(lane[j] + at(a, i + j) * at(b, i + j));
    }
    for (std::size_t j = 0; i + j < count; ++j) lane[j] = kSum(lane[j] + at(a, i + j) * at(b, i + j));
    for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
      for (std::size_t j = 0; j < half; ++j) lane[j] = kSum(lane[j] + lane[j + half]);
    }
    return lane[0];
  }

  Call call_;
  const Call& given_;  ///< with the inputs as they were
};

using F32 = Rounded<same, same, same>;
using F16 = Rounded<to_f16, to_f16, same>;
using Bf16 = Rounded<to_bf16, to_bf16, same>;
using F16Sums = Rounded<to_f16, to_f16, to_f16>;
// What ggml does with activations of float16 and bfloat16 weights; its results are float32.
using F16Inputs = Rounded<to_f16, same, same>;
using Bf16Inputs = Rounded<to_bf16, same, same>;

template <typename Operations>
void run_in(const model::Operation& operation, const Call& call, RoundedInputs& inputs) {
  std::visit(Operations(call, inputs), operation);
}

void run_as_ggml(const model::Operation& operation, const Call& call, RoundedInputs& inputs) {
  constexpr std::uint32_t kF16 = 1;
  constexpr std::uint32_t kBf16 = 30;
  const auto* linear = std::get_if<model::Linear>(&operation);
  const auto* experts = std::get_if<model::ExpertLinear>(&operation);
  const model::WeightId weight = linear != nullptr    ? linear->weight
                                 : experts != nullptr ? experts->weight
                                                      : model::kNoWeight;
  const quant::Type* type =
      weight != model::kNoWeight ? call.plan.weights[static_cast<std::size_t>(weight)]->type : nullptr;
  if (type != nullptr && type->is_quantized()) {
    linear != nullptr ? run_q8(*linear, call, inputs.q8) : run_q8(*experts, call, inputs.q8);
  } else if (type != nullptr && type->id == kF16) {
    run_in<F16Inputs>(operation, call, inputs);
  } else if (type != nullptr && type->id == kBf16) {
    run_in<Bf16Inputs>(operation, call, inputs);
  } else {
    run_in<F32>(operation, call, inputs);
  }
}

}  // namespace

void RoundedInputs::reserve(std::size_t rows, std::size_t width) {
  for (std::vector<double>& copy : values) copy.resize(rows * width);
  constexpr std::size_t kSmallestBlock = 32;
  q8.quants.resize(rows * width);
  q8.d.resize(rows * width / kSmallestBlock);
  q8.sums.resize(rows * width / kSmallestBlock);
}

void run_rounded(Arithmetic arithmetic, const model::Operation& operation, const Call& call, RoundedInputs& inputs) {
  switch (arithmetic) {
    case Arithmetic::f64:
      assert(!"run() is for float64");
      break;
    case Arithmetic::f32:
      run_in<F32>(operation, call, inputs);
      break;
    case Arithmetic::f16:
      run_in<F16>(operation, call, inputs);
      break;
    case Arithmetic::bf16:
      run_in<Bf16>(operation, call, inputs);
      break;
    case Arithmetic::f16acc:
      run_in<F16Sums>(operation, call, inputs);
      break;
    case Arithmetic::q8:
      run_as_ggml(operation, call, inputs);
      break;
  }
}

}  // namespace assay::engine::oracle
