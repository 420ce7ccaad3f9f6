#include "diagnose/stepper.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/threads.h"
#include "diagnose/fast_product.h"
#include "engine/batch.h"
#include "engine/kv_cache.h"
#include "engine/oracle/operations.h"
#include "engine/oracle/rounded.h"
#include "kernels/kernels.h"

namespace assay::diagnose {

using engine::Arithmetic;

Matrix Stepper::run(const model::Step& step, const Passage& passage, std::span<const Matrix* const> inputs,
                    Arithmetic arithmetic) const {
  const std::size_t rows = passage.tokens.size();
  if (products_ == Products::fast && arithmetic == Arithmetic::f64 && rows > 0) {
    const auto* linear = std::get_if<model::Linear>(&step.operation);
    if (linear != nullptr && has_fast_product(*plan_.weights[static_cast<std::size_t>(linear->weight)])) {
      return run_fast(*linear, *inputs[0]);
    }
  }
  Matrix output(rows, plan_.values[static_cast<std::size_t>(step.output)].width);
  if (rows == 0) return output;

  model::Operation operation = step.operation;
  std::size_t kv_width = 0;
  engine::Batch batch;
  batch.positions = passage.positions;
  if (auto* attention = std::get_if<model::Attention>(&operation)) {
    // Alone in its cache, where the row is the place.
    attention->layer = 0;
    kv_width = attention->kv_heads * attention->head_width;
    for (std::size_t i = 0; i < rows; ++i) batch.positions[i] = i;
  }
  engine::KvCache<double> cache(1, kv_width, rows);
  const engine::SequenceId sequence = cache.add();
  if (kv_width > 0) cache.reserve(sequence, rows);

  std::vector<engine::TokenInput> tokens;
  tokens.reserve(rows);
  for (const std::int32_t token : passage.tokens) tokens.push_back({token, sequence, true});
  batch.tokens = tokens;

  std::size_t widest = output.width;
  for (const Matrix* input : inputs) widest = std::max(widest, input->width);
  // The longest row of a weight that a step reads: its inputs' width, or for the table its output's. Some at a time.
  const std::size_t longest = engine::oracle::kRowsDecoded * widest;
  const std::size_t scratch = std::max(widest, rows);

  engine::oracle::RoundedInputs rounded;
  if (arithmetic != Arithmetic::f64) rounded.reserve(rows, widest);
  const bool multiplies = !inputs.empty() && (std::holds_alternative<model::Linear>(operation) ||
                                              std::holds_alternative<model::ExpertLinear>(operation));
  const bool attends = kv_width > 0;
  const int threads = threads_for(rows * output.width * (multiplies ? inputs[0]->width : attends ? rows : 1));
  std::vector<double> own(static_cast<std::size_t>(threads) * (longest + scratch));
  run_team(threads, [&](const Team& team) {
    double* memory = own.data() + static_cast<std::size_t>(team.thread) * (longest + scratch);
    engine::oracle::Call call{kernels::kernels(),   plan_,  batch,           cache, team, {}, rows, output.width,
                              output.values.data(), memory, memory + longest};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      call.inputs[i] = {inputs[i]->values.data(), inputs[i]->width, nullptr};
    }
    if (arithmetic == Arithmetic::f64) {
      std::visit([&](const auto& op) { engine::oracle::run(op, call); }, operation);
    } else {
      engine::oracle::run_rounded(arithmetic, operation, call, rounded);
    }
  });
  return output;
}

Matrix Stepper::run_fast(const model::Linear& linear, const Matrix& x) const {
  const gguf::Tensor& weight = *plan_.weights[static_cast<std::size_t>(linear.weight)];
  Matrix output = multiply_fast(weight, x, threads_for(x.rows * static_cast<std::size_t>(weight.values())));
  if (linear.bias == model::kNoWeight) return output;
  const Matrix bias = decode(linear.bias);
  for (std::size_t i = 0; i < output.values.size(); ++i) output.values[i] += bias.values[i % output.width];
  return output;
}

Matrix Stepper::decode(model::WeightId weight) const {
  const gguf::Tensor& tensor = *plan_.weights[static_cast<std::size_t>(weight)];
  const auto decode_row = kernels::kernels().exact[tensor.type->id].decode;
  Matrix values(static_cast<std::size_t>(tensor.rows()), static_cast<std::size_t>(tensor.row_values()));
  run_team(threads_for(values.values.size()), [&](const Team& team) {
    const auto [begin, end] = team.share(values.rows);
    for (std::size_t r = begin; r < end; ++r) decode_row(tensor.row(r).data(), values.width, values.row(r));
  });
  return values;
}

}  // namespace assay::diagnose
