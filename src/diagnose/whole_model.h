// Diagnosis from the outside: when only logits or only chosen ids are known, each fault is put into the whole model, at
// every step where it can live, and what the model says then is laid beside what the engine said.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "diagnose/stepper.h"
#include "diagnose/verdict.h"
#include "model/model.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

struct WholeModelRequest {
  const trace::ForeignTap* logits = nullptr;  ///< rows or facts of them; null: none
  /// Ids their sampler chose: chosen[i] follows token first_chosen + i of the passage. Not looked at with logits.
  std::vector<std::int32_t> chosen;
  std::size_t first_chosen = 0;
  bool pairs = false;
  int threads = 1;
  std::function<void(std::size_t done, std::size_t total)> on_run;  ///< of whole models; may be empty
};

/// The single faults (and pairs) that reproduce what was said, best first; empty when the model without a fault does,
/// or when none does. Without logits the residual is the mean surprise: -log2 of the probability of their ids.
struct WholeModelResult {
  bool is_right = false;  ///< the model without any fault says the same
  double residual = 0;    ///< without any fault
  double expected = 0;    ///< what rounding explains of it (8-bit activations, the coarsest that engines use)
  std::vector<Finding> findings;
  std::size_t tried = 0;
};
WholeModelResult replay_whole_model(const model::Model& model, const Passage& passage,
                                    const WholeModelRequest& request);

}  // namespace assay::diagnose
