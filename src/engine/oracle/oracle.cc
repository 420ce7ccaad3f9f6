// The oracle: runs a plan in float64. It says what the file, as a mathematical object, computes. Where a precision
// policy names steps, it runs those in the arithmetic named.
#include <algorithm>
#include <cassert>
#include <exception>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "base/threads.h"
#include "engine/batch.h"
#include "engine/engine.h"
#include "engine/kv_cache.h"
#include "engine/oracle/operations.h"
#include "engine/oracle/rounded.h"
#include "engine/precision.h"
#include "kernels/kernels.h"

namespace assay::engine {
namespace {

class Oracle final : public Engine {
 public:
  Oracle(const model::Plan& plan, const EngineOptions& options)
      : plan_(plan),
        threads_(resolve_threads(options)),
        context_length_(resolve_context_length(options, plan_)),
        cache_(plan_.layers, plan_.kv_width, context_length_),
        layout_(assign_slots(plan_)),
        slots_(layout_.slots.size()),
        workers_(static_cast<std::size_t>(threads_)),
        precision_(options.precision),
        arithmetics_(precision_.resolve(plan_)) {
    for (const gguf::Tensor* weight : plan_.weights) {
      longest_row_ = std::max(longest_row_, static_cast<std::size_t>(weight->row_values()));
    }
    for (const model::Value& value : plan_.values) widest_ = std::max(widest_, value.width);
    for (const model::Step& step : plan_.steps) {
      for (const model::ValueId input : step.inputs) {
        widest_input_ = std::max(widest_input_, plan_.values[index(input)].width);
      }
    }
  }

  SequenceId add_sequence() override { return cache_.add(); }
  void remove_sequence(SequenceId sequence) override { cache_.remove(sequence); }
  void truncate(SequenceId sequence, std::size_t length) override { cache_.truncate(sequence, length); }
  std::size_t length(SequenceId sequence) const override { return cache_.length(sequence); }
  std::size_t context_length() const override { return context_length_; }

  void evaluate(std::span<const TokenInput> tokens, Observer* observer) override {
    const Batch batch = check_batch(tokens, cache_.lengths(), plan_.vocabulary, context_length_);
    allocate(batch);
    std::exception_ptr failure;
    run_team(threads_, [&](const Team& team) {
      for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
        const model::Step& step = plan_.steps[i];
        const std::size_t rows = step.only_outputs ? batch.outputs.size() : batch.tokens.size();
        if (rows == 0) continue;
        run(step, arithmetics_[i], call(step, batch, rows, team));
        team.barrier();
        const model::Value& value = plan_.values[index(step.output)];
        if (observer == nullptr || !observer->wants(value)) continue;
        if (team.thread == 0) {
          try {
            observer->observe(value, {nullptr, slot(step.output).data(), rows, value.width});
          } catch (...) {
            failure = std::current_exception();
          }
        }
        team.barrier();
        if (failure) return;
      }
    });
    if (failure) std::rethrow_exception(failure);
    for (const auto& [sequence, length] : batch.lengths) cache_.set_length(sequence, length);
    logit_rows_ = batch.outputs.size();
  }

  Rows logits() const override { return view(plan_.logits, logit_rows_); }

  std::string description() const override {
    return fmt::format("oracle {}, {} thread{}", precision_.text(), threads_, threads_ == 1 ? "" : "s");
  }

 private:
  struct Worker {
    std::vector<double> weights;
    std::vector<double> scratch;
  };

  static std::size_t index(std::int32_t id) { return static_cast<std::size_t>(id); }

  /// Everything the team writes to, so that nothing fails once it runs.
  void allocate(const Batch& batch) {
    std::size_t longest = 0;
    for (const auto& [sequence, length] : batch.lengths) {
      cache_.reserve(sequence, length);
      longest = std::max(longest, length);
    }
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      const auto& [width, only_outputs] = layout_.slots[slot];
      slots_[slot].resize(width * (only_outputs ? batch.outputs.size() : batch.tokens.size()));
    }
    for (Worker& worker : workers_) {
      worker.weights.resize(oracle::kRowsDecoded * longest_row_);
      worker.scratch.resize(std::max(widest_, longest));
    }
    if (!precision_.is_exact()) rounded_.reserve(batch.tokens.size(), widest_input_);
  }

  void run(const model::Step& step, Arithmetic arithmetic, const oracle::Call& call) {
    if (arithmetic == Arithmetic::f64) {
      std::visit([&](const auto& operation) { oracle::run(operation, call); }, step.operation);
    } else {
      oracle::run_rounded(arithmetic, step.operation, call, rounded_);
    }
  }

  oracle::Call call(const model::Step& step, const Batch& batch, std::size_t rows, const Team& team) {
    Worker& worker = workers_[index(team.thread)];
    oracle::Call call{kernels_,
                      plan_,
                      batch,
                      cache_,
                      team,
                      {},
                      rows,
                      plan_.values[index(step.output)].width,
                      slot(step.output).data(),
                      worker.weights.data(),
                      worker.scratch.data()};
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      const std::size_t slot = layout_.slot_of[index(step.inputs[i])];
      const bool picks = step.only_outputs && !layout_.slots[slot].only_outputs;
      call.inputs[i] = {slots_[slot].data(), layout_.slots[slot].width, picks ? batch.outputs.data() : nullptr};
    }
    return call;
  }

  Rows view(model::ValueId value, std::size_t rows) const {
    return {nullptr, slots_[layout_.slot_of[index(value)]].data(), rows, plan_.values[index(value)].width};
  }

  std::vector<double>& slot(model::ValueId value) { return slots_[layout_.slot_of[index(value)]]; }

  const kernels::Kernels& kernels_ = kernels::kernels();
  const model::Plan& plan_;
  int threads_;
  std::size_t context_length_;
  KvCache<double> cache_;
  ValueSlots layout_;
  std::vector<std::vector<double>> slots_;
  std::vector<Worker> workers_;
  PrecisionPolicy precision_;
  std::vector<Arithmetic> arithmetics_;  // by step
  oracle::RoundedInputs rounded_;
  std::size_t longest_row_ = 0;
  std::size_t widest_ = 0;        // of the values
  std::size_t widest_input_ = 0;  // of those that a step reads
  std::size_t logit_rows_ = 0;
};

}  // namespace

std::unique_ptr<Engine> make_oracle(const model::Plan& plan, const EngineOptions& options) {
  return std::make_unique<Oracle>(plan, options);
}

}  // namespace assay::engine
