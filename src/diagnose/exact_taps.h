// What every tap of a model is on given tokens, exactly: for dumps whose names or layouts only their content tells.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "diagnose/matrix.h"
#include "diagnose/stepper.h"
#include "model/plan.h"

namespace assay::diagnose {

/// A function for trace::ForeignOptions::reference. It keeps all values of the tokens it was asked for last.
class ExactTaps {
 public:
  /// The plan and its tensors must outlive it.
  ExactTaps(const model::Plan& plan, int threads) : stepper_(plan, threads) {}

  /// [tokens, width of the value], until it is asked for other tokens. The tokens are ids of the vocabulary.
  std::span<const double> operator()(std::span<const std::int32_t> tokens, model::ValueId id);

 private:
  Stepper stepper_;
  Passage passage_;
  std::vector<Matrix> values_;  // by value
};

}  // namespace assay::diagnose
