#include "engine/oracle/q8.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "engine/oracle/experts.h"
#include "quant/half.h"
#include "quant/type.h"

namespace assay::engine::oracle {
namespace {

float to_f16(float value) { return quant::half_to_float(quant::float_to_half(value)); }

/// The first value of largest magnitude, or NaN where not all are finite.
float largest(const float* x, std::size_t count) {
  float largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(x[i])) return std::numeric_limits<float>::quiet_NaN();
    if (std::fabs(x[i]) > std::fabs(largest)) largest = x[i];
  }
  return largest;
}

struct Scales {
  float d, sum;
};

Scales quantize_32(const float* x, float largest, std::int8_t* quants) {
  const float d = std::fabs(largest) / 127.0F;
  const float inverse = 127.0F / std::fabs(largest);
  int sum = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    quants[i] = static_cast<std::int8_t>(std::nearbyint(x[i] * inverse));
    sum += quants[i];
  }
  return {to_f16(d), to_f16(static_cast<float>(sum) * d)};
}

Scales quantize_256(const float* x, float largest, std::int8_t* quants) {
  const float scale = -127.0F / largest;
  for (std::size_t i = 0; i < 256; ++i) {
    quants[i] = static_cast<std::int8_t>(std::fmin(127.0F, std::nearbyint(scale * x[i])));
  }
  return {1.0F / scale, 0};
}

Scales quantize_block(const double* values, std::size_t count, std::int8_t* quants) {
  float x[quant::kMaxBlockValues];
  for (std::size_t i = 0; i < count; ++i) x[i] = static_cast<float>(values[i]);
  const float most = largest(x, count);
  // The inverse of a magnitude this small is infinite.
  const bool is_zero = std::fabs(most) < 1e-36F;
  if (is_zero || std::isnan(most)) {
    std::fill_n(quants, count, std::int8_t{0});
    return {is_zero ? 0.0F : most, is_zero ? 0.0F : most};
  }
  return count == 32 ? quantize_32(x, most, quants) : quantize_256(x, most, quants);
}

/// The values that share a scale of the activations.
std::size_t values_of(const quant::Type& type) { return type.block_values == 64 ? 32 : type.block_values; }

/// A block of weights, or one of 32 activations' part of it.
class WeightBlocks {
 public:
  WeightBlocks(const quant::Type& type, const std::byte* row)
      : type_(type), row_(row), parts_(type.block_values / values_of(type)) {}
  /// Takes the block of weights apart that goes with one of activations, in ascending order.
  void move_to(std::size_t block) {
    if (block % parts_ == 0) type_.take_apart(row_ + block / parts_ * type_.block_bytes, weights_);
    first_ = block % parts_ * values_of(type_);
  }
  /// acc after this block.
  float add(float acc, const std::int8_t* quants, const Scales& x) const;

 private:
  const quant::Type& type_;
  const std::byte* row_;
  std::size_t parts_;
  std::size_t first_ = 0;
  quant::BlockIntegers weights_;
};

float WeightBlocks::add(float acc, const std::int8_t* quants, const Scales& x) const {
  const quant::BlockIntegers& weights = weights_;
  const std::size_t count = values_of(type_);
  const auto group_values = static_cast<std::size_t>(weights.group_values);
  std::int32_t product = 0;
  std::int32_t min = 0;
  for (std::size_t first = 0; first < count; first += group_values) {
    const std::size_t group = (first_ + first) / group_values;
    std::int32_t group_product = 0;
    std::int32_t group_sum = 0;
    for (std::size_t i = first; i < first + group_values; ++i) {
      group_product += weights.quant[first_ + i] * quants[i];
      group_sum += quants[i];
    }
    if (parts_ > 1) {
      acc += weights.d * static_cast<float>(weights.scale[group]) * x.d * static_cast<float>(group_product);
      continue;
    }
    product += weights.scale[group] * group_product;
    min += weights.min[group] * group_sum;
  }
  if (parts_ > 1) return acc;
  acc += weights.d * x.d * static_cast<float>(product);
  if (count == 256) return acc - weights.dmin * x.d * static_cast<float>(min);
  // The sum is a float16 and may be infinite; ggml has none for types without a minimum.
  return weights.min[0] == 0 ? acc : acc - weights.dmin * static_cast<float>(weights.min[0]) * x.sum;
}

/// This thread's rows of the first input, then waits for those of the others.
void quantize_rows(const Call& call, std::size_t count, Q8Activations& x) {
  assert(count == 32 || count == 256);
  const std::size_t blocks = call.inputs[0].width / count;
  const auto [first, last] = call.team.share(call.rows);
  for (std::size_t i = first; i < last; ++i) {
    for (std::size_t block = 0; block < blocks; ++block) {
      const std::size_t at = i * blocks + block;
      const Scales scales = quantize_block(call.inputs[0].row(i) + block * count, count, x.quants.data() + at * count);
      x.d[at] = scales.d;
      x.sums[at] = scales.sum;
    }
  }
  call.team.barrier();
}

}  // namespace

void run_q8(const model::Linear& linear, const Call& call, Q8Activations& x) {
  const gguf::Tensor& matrix = *call.plan.weights[static_cast<std::size_t>(linear.weight)];
  const quant::Type& type = *matrix.type;
  const std::size_t count = values_of(type);
  const std::size_t blocks = call.inputs[0].width / count;
  quantize_rows(call, count, x);

  if (linear.bias != model::kNoWeight) {
    const gguf::Tensor& bias = *call.plan.weights[static_cast<std::size_t>(linear.bias)];
    call.kernels.exact[bias.type->id].decode(bias.row(0).data(), call.width, call.scratch);
  }
  const auto [begin, end] = call.team.share(call.width);
  for (std::size_t r = begin; r < end; ++r) {
    for (std::size_t i = 0; i < call.rows; ++i) call.output[i * call.width + r] = 0;
    WeightBlocks weights(type, matrix.row(r).data());
    for (std::size_t block = 0; block < blocks; ++block) {
      weights.move_to(block);
      for (std::size_t i = 0; i < call.rows; ++i) {
        const std::size_t at = i * blocks + block;
        double& sum = call.output[i * call.width + r];
        sum = weights.add(static_cast<float>(sum), x.quants.data() + at * count, {x.d[at], x.sums[at]});
      }
    }
    if (linear.bias == model::kNoWeight) continue;
    for (std::size_t i = 0; i < call.rows; ++i) {
      double& sum = call.output[i * call.width + r];
      sum = static_cast<float>(sum) + static_cast<float>(call.scratch[r]);
    }
  }
}

void run_q8(const model::ExpertLinear& linear, const Call& call, Q8Activations& x) {
  const gguf::Tensor& matrices = *call.plan.weights[static_cast<std::size_t>(linear.weight)];
  const quant::Type& type = *matrices.type;
  const std::size_t count = values_of(type);
  quantize_rows(call, count, x);
  const Slots slots(linear, call, call.inputs[0]);
  const std::size_t blocks = slots.inputs() / count;
  const std::size_t row_blocks = call.inputs[0].width / count;
  const auto [begin, end] = call.team.share(linear.outputs);
  slots.spoil_unnamed(begin, end);
  for (std::size_t expert = 0; expert < linear.experts; ++expert) {
    if (linear.bias != model::kNoWeight) {
      const gguf::Tensor& biases = *call.plan.weights[static_cast<std::size_t>(linear.bias)];
      call.kernels.exact[biases.type->id].decode(biases.row(expert).data(), linear.outputs, call.scratch);
    }
    for (std::size_t r = begin; r < end; ++r) {
      if (!slots.of(expert, [&](const Slot& slot) { slot.out[r] = 0; })) break;
      WeightBlocks weights(type, matrices.row(expert * linear.outputs + r).data());
      for (std::size_t block = 0; block < blocks; ++block) {
        weights.move_to(block);
        slots.of(expert, [&](const Slot& slot) {
          const std::size_t at = slot.row * row_blocks + (slots.are_apart() ? slot.number * blocks : 0) + block;
          slot.out[r] =
              weights.add(static_cast<float>(slot.out[r]), x.quants.data() + at * count, {x.d[at], x.sums[at]});
        });
      }
      if (linear.bias == model::kNoWeight) continue;
      slots.of(expert, [&](const Slot& slot) {
        slot.out[r] = static_cast<float>(slot.out[r]) + static_cast<float>(call.scratch[r]);
      });
    }
  }
}

}  // namespace assay::engine::oracle
