// Runs of a whole model with faults in it, over a passage or over its beginning: what comes first in a causal model
// does not depend on what follows, and a few tokens cost little.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "diagnose/fault.h"
#include "diagnose/matrix.h"
#include "diagnose/planting.h"
#include "diagnose/stepper.h"
#include "engine/precision.h"
#include "model/model.h"

namespace assay::diagnose {

/// Faults that are in the model at the same time: one, or two.
using Candidate = std::vector<const Planted*>;

/// A passage, and every value of it without any fault.
class RightValues final : public Values {
 public:
  /// Runs the model. It must outlive this.
  RightValues(const model::Model& model, const Passage& passage, int threads);

  const Matrix& value(model::ValueId id) const override { return values_[static_cast<std::size_t>(id)]; }
  const model::Model& model() const { return model_; }
  const model::Plan& plan() const { return model_.plan; }
  const Passage& passage() const { return passage_; }
  const Matrix& logits() const { return value(plan().logits); }

  /// The same of its first tokens.
  RightValues first(std::size_t tokens) const;

  /// The logits with the faults in it: every step behind the first faulty one is run again.
  Matrix logits_with(const Candidate& faults, const Stepper& stepper) const;
  /// The logits without a fault as this stepper has them, in this arithmetic.
  Matrix logits_by(const Stepper& stepper, engine::Arithmetic arithmetic) const;
  /// Bytes of all values.
  std::size_t bytes() const;

 private:
  RightValues(const model::Model& model, Passage passage) : model_(model), passage_(std::move(passage)) {}

  const model::Model& model_;
  Passage passage_;
  std::vector<Matrix> values_;  // by value
};

/// Whether the first tokens are the same however many follow. Engines that look ahead make mistakes of which the
/// beginning alone tells nothing.
bool is_causal(const Planted& planted, const RightValues& few, const RightValues& more, const Stepper& stepper);

}  // namespace assay::diagnose
