// The operations of a mixture of experts in float64.
#include "engine/oracle/experts.h"

#include "base/math.h"
#include "engine/oracle/operations.h"

namespace assay::engine::oracle {
namespace {

const gguf::Tensor& weight(const Call& call, model::WeightId id) {
  return *call.plan.weights[static_cast<std::size_t>(id)];
}

/// compute(x, out) for this thread's rows of the first input.
template <typename Compute>
void for_each_row(const Call& call, Compute compute) {
  const auto [begin, end] = call.team.share(call.rows);
  for (std::size_t i = begin; i < end; ++i) compute(i, call.inputs[0].row(i), call.output + i * call.width);
}

}  // namespace

void run(const model::TopK& top, const Call& call) {
  for_each_row(call, [&](std::size_t, const double* x, double* out) {
    choose_largest(top, x, call.inputs[0].width, call.width, out);
  });
}

void run(const model::Pick& /*pick*/, const Call& call) {
  for_each_row(call, [&](std::size_t i, const double* x, double* out) {
    const double* indices = call.inputs[1].row(i);
    for (std::size_t c = 0; c < call.width; ++c) out[c] = picked(x, call.inputs[0].width, indices[c]);
  });
}

void run(const model::Normalize& /*normalize*/, const Call& call) {
  for_each_row(call, [&](std::size_t, const double* x, double* out) {
    double sum = 0;
    for (std::size_t c = 0; c < call.width; ++c) sum += x[c];
    for (std::size_t c = 0; c < call.width; ++c) out[c] = x[c] / sum;
  });
}

void run(const model::ExpertLinear& linear, const Call& call) {
  const gguf::Tensor& matrices = weight(call, linear.weight);
  const kernels::ExactRow& exact = call.kernels.exact[matrices.type->id];
  const Slots slots(linear, call, call.inputs[0]);
  const auto [begin, end] = call.team.share(linear.outputs);
  slots.spoil_unnamed(begin, end);
  for (std::size_t expert = 0; expert < linear.experts; ++expert) {
    if (!slots.of(expert, [](const Slot&) {})) continue;
    if (linear.bias != model::kNoWeight) {
      const gguf::Tensor& biases = weight(call, linear.bias);
      call.kernels.exact[biases.type->id].decode(biases.row(expert).data(), linear.outputs, call.scratch);
    }
    for (std::size_t r = begin; r < end; ++r) {
      // As in a linear step: a row is decoded once for all tokens, and not written down for one alone.
      const std::byte* row = matrices.row(expert * linear.outputs + r).data();
      const bool alone = call.rows == 1;
      if (!alone) exact.decode(row, slots.inputs(), call.weights);
      slots.of(expert, [&](const Slot& slot) {
        const double sum = alone ? exact.dot(row, slot.x, slots.inputs())
                                 : call.kernels.dot_exact(call.weights, slot.x, slots.inputs());
        slot.out[r] = linear.bias != model::kNoWeight ? sum + call.scratch[r] : sum;
      });
    }
  }
}

void run(const model::WeightedSum& /*sum*/, const Call& call) {
  const auto [begin, end] = call.team.share(call.width);
  for (std::size_t i = 0; i < call.rows; ++i) {
    const double* x = call.inputs[0].row(i);
    const double* weights = call.inputs[1].row(i);
    for (std::size_t c = begin; c < end; ++c) {
      double sum = 0;
      for (std::size_t slot = 0; slot < call.inputs[1].width; ++slot) sum += weights[slot] * x[slot * call.width + c];
      call.output[i * call.width + c] = sum;
    }
  }
}

void run(const model::SigmoidGate& /*gate*/, const Call& call) {
  const auto [begin, end] = call.team.share(call.width);
  for (std::size_t i = 0; i < call.rows; ++i) {
    const double open = 1 + portable_exp(-call.inputs[0].row(i)[0]);
    for (std::size_t c = begin; c < end; ++c) call.output[i * call.width + c] = call.inputs[1].row(i)[c] / open;
  }
}

}  // namespace assay::engine::oracle
