// Replays a passage through the plan beside what a candidate said of it. Where the candidate gave a value whole, later
// steps read the candidate's, so that each step is judged on the inputs that the candidate's own step had; where it
// gave nothing, they read what exact steps made of the last values known. Faults that were found are applied, so that
// what follows them is judged as well.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "diagnose/fault.h"
#include "diagnose/matrix.h"
#include "diagnose/stepper.h"
#include "engine/precision.h"
#include "model/model.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

class Replay final : public Values {
 public:
  /// All must outlive the replay. Taps that the plan does not have are not looked at.
  Replay(const model::Model& model, const trace::ForeignTrace& trace, Passage passage, int threads);

  const model::Plan& plan() const { return model_.plan; }
  const Passage& passage() const { return passage_; }

  /// What the candidate said of the step's output; null when nothing.
  const trace::ForeignTap* given(std::size_t step) const { return given_[step]; }
  /// Whether the candidate said the step's output whole.
  bool is_whole(std::size_t step) const { return whole_[step]; }
  /// The value as later steps read it.
  const Matrix& value(model::ValueId id) const override { return values_[static_cast<std::size_t>(id)]; }
  /// What the step gives on what it reads, with the faults applied so far.
  const Matrix& computed(std::size_t step) const { return computed_[step]; }

  /// Computes a step, and lets later ones read the candidate's rows where it gave them. Steps go in order.
  void advance(std::size_t step);

  /// The step as faults see it. `given` is set when the candidate gave the step's output whole.
  Site site(std::size_t step) const;

  /// Steps from which a computed value can reach the step's output, the step itself first, then backwards: unseen, or,
  /// when `seen_right` are passed as well, seen by facts that were right.
  std::vector<std::size_t> region(std::size_t step, bool pass_seen_right = true) const;
  /// computed() of a step is not asked for any more. Where the candidate gave the value whole, nothing else needs it.
  void release(std::size_t step) {
    if (whole_[step]) computed_[step] = {};
  }
  /// The facts that were given of the step's output are right.
  void see_right(std::size_t step) { seen_right_[step] = true; }

  /// The output of `step` when an earlier one (or itself) computes with a fault.
  Matrix predict(std::size_t step, std::size_t faulty, const Hypothesis& hypothesis) const {
    return predict(step, faulty, hypothesis, *this, passage_);
  }
  /// The same for some tokens of the passage and their values; empty where the hypothesis cannot tell without the
  /// others. No attention may stand from `faulty` to `step`.
  Matrix predict(std::size_t step, std::size_t faulty, const Hypothesis& hypothesis, const Values& some,
                 const Passage& few) const;
  /// What apply() changed.
  struct Before {
    std::size_t faulty = 0;
    std::optional<Hypothesis> applied;
    std::vector<std::pair<std::size_t, Matrix>> computed;  ///< by step
  };
  /// Puts the fault in and computes again up to `step`.
  Before apply(std::size_t step, std::size_t faulty, const Hypothesis& hypothesis);
  /// Takes it out again.
  void undo(Before before);

  /// How far the step's output would be from computed() in this arithmetic, on the rows or facts that were given: all
  /// steps since the last values known whole are run in it.
  double expected(std::size_t step, engine::Arithmetic arithmetic);

 private:
  using Overlay = std::map<model::ValueId, Matrix>;

  Matrix run(std::size_t step, const Values& values, const Passage& passage) const;
  void settle(std::size_t step, Matrix computed);
  /// Values from `faulty` on to the output of `step`, which is in it.
  Overlay recompute(std::size_t step, std::size_t faulty, const Hypothesis& hypothesis, const Values& below,
                    const Passage& passage) const;
  const Matrix& rounded(model::ValueId id, engine::Arithmetic arithmetic);
  /// A tap that was given whole, for distances.
  trace::ForeignTap all_rows() const;
  double expected_of_sample(std::size_t step, engine::Arithmetic arithmetic) const;

  const model::Model& model_;
  Passage passage_;
  Stepper stepper_;
  std::vector<const trace::ForeignTap*> given_;     // by step
  std::vector<bool> whole_;                         // by step
  std::vector<bool> seen_right_;                    // by step
  std::vector<std::size_t> step_of_;                // by value
  std::vector<std::optional<Hypothesis>> applied_;  // by step
  std::vector<Matrix> values_;                      // by value
  std::vector<Matrix> computed_;                    // by step; empty before advance() and after release()
  std::map<engine::Arithmetic, std::map<model::ValueId, Matrix>> rounded_;
};

}  // namespace assay::diagnose
