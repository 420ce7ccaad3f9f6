// Diagnosis from the outside: when only logits or only chosen ids are known, each fault is put into the whole model, at
// every step where it can live, and what the model says then is laid beside what the engine said.
//
// Most are run fast (fast_product.h), several at a time, and over the first tokens only, where the logits of these were
// given: what is far off there is not run further. The best are run exactly, over the whole passage.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/stepper.h"
#include "diagnose/verdict.h"
#include "diagnose/whole_score.h"
#include "engine/precision.h"
#include "model/model.h"

namespace assay::diagnose {

struct WholeModelRequest {
  Outside outside;
  bool pairs = false;
  int threads = 1;
  engine::Arithmetic coarsest = engine::Arithmetic::q8;  ///< that the engine may compute in
  double budget = 300;                                   ///< seconds after which no more faults are tried
  /// What is being tried, and how far that is; may be empty. What it throws ends the search.
  std::function<void(std::size_t done, std::size_t total, std::string_view what)> on_run;
};

/// The single faults (and pairs) that reproduce what was said, best first; empty when the model without a fault does,
/// or when none does. Without logits the residual is the mean surprise (whole_score.h).
struct WholeModelResult {
  bool is_right = false;  ///< the model without any fault says the same, within rounding
  double residual = 0;    ///< without any fault
  double expected = 0;    ///< what rounding explains of it
  std::vector<Finding> findings;
  std::string untried;  ///< in words, when the time was over first; else empty
};
WholeModelResult replay_whole_model(const model::Model& model, const Passage& passage,
                                    const WholeModelRequest& request);

}  // namespace assay::diagnose
