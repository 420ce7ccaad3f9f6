// An engine runs a plan over sequences. `oracle` is exact (float64), `fast` is specified to the bit (docs: numerics).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/precision.h"
#include "model/plan.h"

namespace assay::engine {

using SequenceId = std::int32_t;

/// One token of a batch. Tokens of one sequence stand in order; each gets the next position of its sequence.
struct TokenInput {
  std::int32_t token;
  SequenceId sequence;
  bool wants_logits;
};

/// The rows of one value, as one engine holds them: exactly one of f32 and f64 is set.
struct Rows {
  const float* f32 = nullptr;
  const double* f64 = nullptr;
  std::size_t count = 0;  ///< rows
  std::size_t width = 0;  ///< channels
  double at(std::size_t row, std::size_t channel) const {
    return f64 != nullptr ? f64[row * width + channel] : static_cast<double>(f32[row * width + channel]);
  }
};

/// The rows of one value, open to be overwritten: exactly one of f32 and f64 is set.
struct TapRows {
  float* f32 = nullptr;
  double* f64 = nullptr;
  std::size_t count = 0;  ///< rows
  std::size_t width = 0;  ///< channels
  Rows rows() const { return {f32, f64, count, width}; }
};

/// Sees every value right after its step, on the calling thread. Rows are the batch's tokens in order; for a step with
/// `only_outputs` they are the tokens that want logits. Steps after it read what the observer leaves in the rows: so it
/// can give a step other inputs than the engine's own.
class Observer {
 public:
  virtual ~Observer() = default;
  /// False: observe() is not called for this value, and nothing waits for it.
  virtual bool wants(const model::Value&) const { return true; }
  /// True: observe() leaves the rows as they are. It may then be called later than right after the step, still in the
  /// plan's order and with the step's own values, so that threads need not wait for each other at every value.
  virtual bool only_reads() const { return false; }
  virtual void observe(const model::Value& value, const TapRows& rows) = 0;
};

enum class CacheType { f16, f32, f64 };

struct EngineOptions {
  int threads = 0;                   ///< 0: all cores
  std::size_t context_length = 0;    ///< positions a sequence may hold; 0: the model's context_length
  CacheType cache = CacheType::f32;  ///< of the fast engine; the oracle's is always f64
  PrecisionPolicy precision = {};    ///< of the oracle; the fast engine has one arithmetic and refuses any
};

class Engine {
 public:
  virtual ~Engine() = default;

  /// A new, empty sequence.
  virtual SequenceId add_sequence() = 0;
  virtual void remove_sequence(SequenceId sequence) = 0;
  /// Forgets all positions from `length` on.
  virtual void truncate(SequenceId sequence, std::size_t length) = 0;
  virtual std::size_t length(SequenceId sequence) const = 0;
  virtual std::size_t context_length() const = 0;

  /// Runs the batch through the plan. Throws Error{usage} before anything is changed when a token id is outside the
  /// vocabulary or a sequence would pass the context length (the message names both numbers).
  virtual void evaluate(std::span<const TokenInput> batch, Observer* observer = nullptr) = 0;

  /// Logits of the last evaluate(): one row for every token that wanted them, in order.
  virtual Rows logits() const = 0;

  /// What ran: "oracle f64, 2 threads", "fast avx512, 2 threads, cache f32".
  virtual std::string description() const = 0;
};

/// `plan`, and the tensors that it points to, must outlive the engine.
std::unique_ptr<Engine> make_oracle(const model::Plan& plan, const EngineOptions& options);
std::unique_ptr<Engine> make_fast(const model::Plan& plan, const EngineOptions& options);
/// By name: "oracle" or "fast". Throws Error{usage} otherwise.
std::unique_ptr<Engine> make_engine(std::string_view name, const model::Plan& plan, const EngineOptions& options);

}  // namespace assay::engine
