// The pass over all steps in causal order: judges every step that was given on the inputs it had, finds the faults that
// explain the wrong ones, and goes on behind them.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "diagnose/replay.h"
#include "diagnose/verdict.h"

namespace assay::diagnose {

struct WalkRequest {
  /// What the engine is said to compute in; empty: any of kEngineArithmetics.
  std::vector<engine::Arithmetic> arithmetics;
  std::function<void(std::size_t steps)> on_progress;  ///< may be empty
};

/// One finding for every faulty step, in causal order.
struct Walked {
  std::vector<Finding> findings;
  std::vector<StepReport> steps;
  std::vector<std::string> needed;
};

Walked walk(Replay& replay, const WalkRequest& request);

/// Findings of the same fault with the same parameters in several steps become one.
std::vector<Finding> join_layers(std::vector<Finding> findings);

}  // namespace assay::diagnose
