#include "engine/oracle/operations.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/math.h"
#include "engine/concat.h"
#include "engine/oracle/heads.h"

namespace assay::engine::oracle {
namespace {

const gguf::Tensor& weight(const Call& call, model::WeightId id) {
  return *call.plan.weights[static_cast<std::size_t>(id)];
}

/// Row `index` of a weight, decoded.
void decode_row(const Call& call, const gguf::Tensor& tensor, std::size_t index, double* values) {
  call.kernels.exact[tensor.type->id].decode(tensor.row(index).data(), tensor.row_values(), values);
}

/// The first `count` rows of call.weights times all rows of the input, call.width apart in `out`.
void multiply(const Call& call, std::size_t count, double* out) {
  const Input& x = call.inputs[0];
  const bool is_whole = x.pick == nullptr;
  const std::size_t at_once = is_whole ? call.rows : 1;
  for (std::size_t i = 0; i < call.rows; i += at_once)
    call.kernels.product_exact(call.weights, x.width, count, x.row(i), x.width, at_once, x.width, out + i * call.width,
                               call.width);
}

double silu(double x) { return x / (1 + portable_exp(-x)); }
double gelu(double x) {
  constexpr double kHalfRoot = 0.70710678118654752440;  // sqrt(1 / 2)
  return 0.5 * x * portable_erfc(-kHalfRoot * x);
}
/// (1 + tanh(u)) / 2 = 1 / (1 + e^(-2u)), which loses nothing where x is negative.
double gelu_tanh(double x) {
  return x / (1 + portable_exp(-2 * model::kGeluRoot * (x + model::kGeluCubic * x * x * x)));
}

double soft_capped(double x, double cap) { return cap * portable_tanh(x / cap); }

/// out[c] = compute(row, c) for this thread's channels of every row.
template <typename Compute>
void for_each_channel(const Call& call, Compute compute) {
  const auto [begin, end] = call.team.share(call.width);
  for (std::size_t i = 0; i < call.rows; ++i) {
    for (std::size_t c = begin; c < end; ++c) call.output[i * call.width + c] = compute(i, c);
  }
}

template <double (*kActivation)(double)>
void run_gated(const Call& call) {
  if (call.inputs[1].data == nullptr) {
    return for_each_channel(call, [&](std::size_t i, std::size_t c) { return kActivation(call.inputs[0].row(i)[c]); });
  }
  for_each_channel(call, [&](std::size_t i, std::size_t c) {
    return kActivation(call.inputs[0].row(i)[c]) * call.inputs[1].row(i)[c];
  });
}

/// In place: exp(x - max), and returns the sum, added in ascending order.
double exponentials(double* x, std::size_t count, double max) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    x[i] = portable_exp(x[i] - max);
    sum += x[i];
  }
  return sum;
}

}  // namespace

void run(const model::Embed& embed, const Call& call) {
  const auto [begin, end] = call.team.share(call.rows);
  for (std::size_t i = begin; i < end; ++i) {
    decode_row(call, weight(call, embed.table), static_cast<std::size_t>(call.batch.tokens[i].token),
               call.output + i * call.width);
  }
}

void run(const model::RmsNorm& norm, const Call& call) {
  decode_row(call, weight(call, norm.weight), 0, call.weights);
  const auto [begin, end] = call.team.share(call.rows);
  for (std::size_t i = begin; i < end; ++i) {
    for (std::size_t at = 0; at < call.width; at += norm.group) {
      const double* x = call.inputs[0].row(i) + at;
      double* out = call.output + i * call.width + at;
      const double root =
          std::sqrt(call.kernels.dot_exact(x, x, norm.group) / static_cast<double>(norm.group) + norm.epsilon);
      for (std::size_t c = 0; c < norm.group; ++c) out[c] = x[c] / root * call.weights[c];
    }
  }
}

void run(const model::LayerNorm& norm, const Call& call) {
  decode_row(call, weight(call, norm.weight), 0, call.weights);
  const bool biased = norm.bias != model::kNoWeight;
  if (biased) decode_row(call, weight(call, norm.bias), 0, call.scratch);
  const auto count = static_cast<double>(call.width);
  const auto [begin, end] = call.team.share(call.rows);
  for (std::size_t i = begin; i < end; ++i) {
    const double* x = call.inputs[0].row(i);
    double* out = call.output + i * call.width;
    const double mean = std::accumulate(x, x + call.width, 0.0) / count;
    for (std::size_t c = 0; c < call.width; ++c) out[c] = x[c] - mean;
    const double root = std::sqrt(call.kernels.dot_exact(out, out, call.width) / count + norm.epsilon);
    for (std::size_t c = 0; c < call.width; ++c) out[c] = out[c] / root * call.weights[c];
    for (std::size_t c = 0; biased && c < call.width; ++c) out[c] += call.scratch[c];
  }
}

void run(const model::Linear& linear, const Call& call) {
  const gguf::Tensor& matrix = weight(call, linear.weight);
  const std::size_t inputs = call.inputs[0].width;
  const bool biased = linear.bias != model::kNoWeight;
  if (biased) decode_row(call, weight(call, linear.bias), 0, call.scratch);
  const auto [begin, end] = call.team.share(call.width);
  for (std::size_t r = begin; r < end; r += kRowsDecoded) {
    const std::size_t count = std::min(kRowsDecoded, end - r);
    double* out = call.output + r;
    if (call.rows == 1) {
      // A row for one token alone need not be written down.
      for (std::size_t j = 0; j < count; ++j)
        out[j] = call.kernels.exact[matrix.type->id].dot(matrix.row(r + j).data(), call.inputs[0].row(0), inputs);
    } else {
      for (std::size_t j = 0; j < count; ++j) decode_row(call, matrix, r + j, call.weights + j * inputs);
      multiply(call, count, out);
    }
    if (!biased) continue;
    for (std::size_t i = 0; i < call.rows; ++i) {
      for (std::size_t j = 0; j < count; ++j) out[i * call.width + j] += call.scratch[r + j];
    }
  }
}

void rotate(const model::Rope& rope, double position, std::span<const double> x, double* out) {
  const std::size_t pairs = rope.frequencies.size();
  const bool neighbours = rope.pairing == model::RopePairing::neighbours;
  std::copy(x.begin(), x.end(), out);
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    const double angle = position * rope.frequencies[pair];
    const double cosine = portable_cos(angle) * rope.magnitude;
    const double sine = portable_sin(angle) * rope.magnitude;
    const std::size_t first = neighbours ? 2 * pair : pair;
    const std::size_t second = neighbours ? 2 * pair + 1 : pair + pairs;
    for (std::size_t head = 0; head < x.size(); head += rope.head_width) {
      const double a = x[head + first];
      const double b = x[head + second];
      out[head + first] = a * cosine - b * sine;
      out[head + second] = a * sine + b * cosine;
    }
  }
}

void run(const model::Rope& rope, const Call& call) {
  const auto [begin, end] = call.team.share(call.rows);
  for (std::size_t i = begin; i < end; ++i) {
    rotate(rope, static_cast<double>(call.batch.positions[i]), {call.inputs[0].row(i), call.width},
           call.output + i * call.width);
  }
}

void run(const model::PositionScale& scale, const Call& call) {
  for_each_channel(call, [&](std::size_t i, std::size_t c) {
    return scale.factor(call.batch.positions[i]) * call.inputs[0].row(i)[c];
  });
}

void run(const model::Attention& attention, const Call& call) {
  double* scores = call.scratch;
  const bool has_sinks = attention.sinks != model::kNoWeight;
  if (has_sinks) decode_row(call, weight(call, attention.sinks), 0, call.weights);
  for_each_head(attention, call, [&](const Head& head) {
    call.kernels.product_exact(head.keys, head.kv_width, head.seen, head.q, 0, 1, attention.head_width, scores, 0);
    for (std::size_t p = 0; p < head.seen; ++p) {
      scores[p] *= attention.scale;
      if (attention.soft_cap != 0) scores[p] = soft_capped(scores[p], attention.soft_cap);
    }
    const double largest = *std::max_element(scores, scores + head.seen);
    const double max = has_sinks ? std::max(largest, call.weights[head.number]) : largest;
    double sum = exponentials(scores, head.seen, max);
    if (has_sinks) sum += portable_exp(call.weights[head.number] - max);
    call.kernels.weighted_sum_exact(scores, head.values, head.kv_width, head.seen, attention.value_width, head.out);
    for (std::size_t c = 0; c < attention.value_width; ++c) head.out[c] /= sum;
  });
}

void run(const model::Softmax& /*softmax*/, const Call& call) {
  const auto [begin, end] = call.team.share(call.rows);
  for (std::size_t i = begin; i < end; ++i) {
    double* out = call.output + i * call.width;
    std::copy_n(call.inputs[0].row(i), call.width, out);
    const double sum = exponentials(out, call.width, *std::max_element(out, out + call.width));
    for (std::size_t c = 0; c < call.width; ++c) out[c] /= sum;
  }
}

void run(const model::GatedActivation& gated, const Call& call) {
  switch (gated.activation) {
    case model::Activation::silu:
      return run_gated<silu>(call);
    case model::Activation::gelu:
      return run_gated<gelu>(call);
    case model::Activation::gelu_tanh:
      return run_gated<gelu_tanh>(call);
    case model::Activation::clamped_swiglu:
      return for_each_channel(call, [&](std::size_t i, std::size_t c) {
        const double gate = std::min(call.inputs[0].row(i)[c], model::kSwigluLimit);
        const double up = std::clamp(call.inputs[1].row(i)[c], -model::kSwigluLimit, model::kSwigluLimit);
        return gate / (1 + portable_exp(-model::kSwigluSlope * gate)) * (1 + up);
      });
  }
}

void run(const model::Add& /*add*/, const Call& call) {
  for_each_channel(call,
                   [&](std::size_t i, std::size_t c) { return call.inputs[0].row(i)[c] + call.inputs[1].row(i)[c]; });
}

void run(const model::AddBias& add, const Call& call) {
  decode_row(call, weight(call, add.bias), 0, call.weights);
  for_each_channel(call, [&](std::size_t i, std::size_t c) { return call.inputs[0].row(i)[c] + call.weights[c]; });
}

void run(const model::Concat& concat, const Call& call) {
  const auto [begin, end] = call.team.share(call.rows);
  for (std::size_t i = begin; i < end; ++i) {
    std::array<ConcatInput<double>, 2> rows;
    for (std::size_t k = 0; k < concat.parts.size(); ++k) rows[k] = {call.inputs[k].row(i), call.inputs[k].width};
    concatenate(concat, rows, call.output + i * call.width);
  }
}

void run(const model::Sigmoid& /*sigmoid*/, const Call& call) {
  for_each_channel(call,
                   [&](std::size_t i, std::size_t c) { return 1 / (1 + portable_exp(-call.inputs[0].row(i)[c])); });
}

void run(const model::Scale& scale, const Call& call) {
  for_each_channel(call, [&](std::size_t i, std::size_t c) { return scale.factor * call.inputs[0].row(i)[c]; });
}

void run(const model::SoftCap& cap, const Call& call) {
  for_each_channel(call, [&](std::size_t i, std::size_t c) { return soft_capped(call.inputs[0].row(i)[c], cap.cap); });
}

}  // namespace assay::engine::oracle
