// Runs single steps of a plan on inputs that somebody gives: the oracle's operations, one at a time, without an engine
// around them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "diagnose/matrix.h"
#include "engine/precision.h"
#include "model/plan.h"

namespace assay::diagnose {

/// The tokens of one sequence, the prompt first, then what was decoded one by one.
struct Passage {
  std::vector<std::int32_t> tokens;
  std::vector<std::size_t> positions;  ///< of each token
  std::size_t prompt_tokens = 0;       ///< of the whole sequence: tokens from this position on were decoded
};

/// What multiplies in linear steps: the oracle, or the fast engine's kernels (fast_product.h) where they have the type.
enum class Products { exact, fast };

class Stepper {
 public:
  /// The plan and its tensors must outlive the stepper.
  Stepper(const model::Plan& plan, int threads, Products products = Products::exact)
      : plan_(plan), threads_(threads), products_(products) {}

  const model::Plan& plan() const { return plan_; }
  int threads() const { return threads_; }
  /// One where there is so little to do that a team costs more than it saves.
  int threads_for(std::size_t multiplications) const {
    constexpr std::size_t kWorthATeam = std::size_t{1} << 18;
    return multiplications < kWorthATeam ? 1 : threads_;
  }

  /// The step's output [tokens, width] for its inputs, each [tokens, its width]. Weights are the plan's. In float64,
  /// linear steps may be fast.
  Matrix run(const model::Step& step, const Passage& passage, std::span<const Matrix* const> inputs,
             engine::Arithmetic arithmetic = engine::Arithmetic::f64) const;

  /// A weight of the plan in float64, [rows, row_values].
  Matrix decode(model::WeightId weight) const;

 private:
  Matrix run_fast(const model::Linear& linear, const Matrix& x) const;

  const model::Plan& plan_;
  int threads_;
  Products products_;
};

}  // namespace assay::diagnose
