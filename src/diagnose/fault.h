// A fault: a mistake that inference engines make, with a name, and how a step computes when it is made. Diagnosis is
// the search for the fault that makes the exact engine reproduce what somebody else's engine said.
//
// One file each in faults/, and one line in faults/list.cc. A fault proposes hypotheses for a step: what it would
// compute with the mistake, once for every parameter worth trying.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/matrix.h"
#include "diagnose/stepper.h"
#include "model/plan.h"

namespace assay::model {
struct HyperParameters;
struct Model;
}  // namespace assay::model

namespace assay::diagnose {

/// All values of a passage: the candidate's own where it said them, else what exact steps made of those.
class Values {
 public:
  virtual ~Values() = default;
  virtual const Matrix& value(model::ValueId id) const = 0;
};

struct Hypothesis;
struct Look;

/// The position that a row is given; it may be negative.
using PositionOf = std::function<double(const Passage& passage, std::size_t row)>;

/// A step, and all that is known where it stands.
struct Site {
  const model::Model& model;
  const Stepper& stepper;
  const Passage& passage;  ///< perhaps only some of the tokens; never so for attention
  const Values& values;    ///< of the same tokens
  std::size_t index;       ///< of the step in the plan
  const Matrix* given;     ///< the candidate's output of this step; null when it did not say it

  // Two faults in one step: the first leaves here what it changed, and hands over to the second.
  const Hypothesis* then = nullptr;
  const model::Step* changed = nullptr;
  const PositionOf* position = nullptr;  ///< of rows, of a Rope (faults/rotate.h)
  const Look* look = nullptr;            ///< of an Attention (faults/attend.h)

  const model::Plan& plan() const { return stepper.plan(); }
  const model::Step& step() const { return changed != nullptr ? *changed : plan().steps[index]; }
  const model::HyperParameters& hyper_parameters() const;
  std::string_view tap() const { return plan().values[static_cast<std::size_t>(step().output)].tap; }
  const Matrix& input(std::size_t i) const { return values.value(step().inputs[i]); }
  std::size_t width() const { return plan().values[static_cast<std::size_t>(step().output)].width; }

  /// The step's operation if it is an Op, else null.
  template <typename Op>
  const Op* operation() const {
    return std::get_if<Op>(&step().operation);
  }
  const gguf::Tensor& tensor(model::WeightId id) const { return *plan().weights[static_cast<std::size_t>(id)]; }
  /// The value of that name in the plan, or -1. sibling("q") at blk.3.k is blk.3.q.
  model::ValueId find(std::string_view tap) const;
  model::ValueId sibling(std::string_view name) const;

  /// What the step gives, rightly, on its inputs.
  Matrix exact() const { return run(step()); }
  /// What `changed` gives: the same step with other parameters or other inputs.
  Matrix run(const model::Step& changed) const;
  /// The same on inputs that are no values of the plan.
  Matrix run(const model::Step& changed, std::span<const Matrix* const> inputs) const;
};

struct Parameter {
  std::string name;
  std::string value;  ///< as people write it: "10000", "1/sqrt(n_embd)"
  bool operator==(const Parameter&) const = default;
};

struct Hypothesis {
  std::vector<Parameter> parameters;
  /// The step's output with the fault in it. It reads everything from the site it is called with, which may be the same
  /// step of another layer. Empty where that lacks tokens which the answer needs.
  std::function<Matrix(const Site&)> run;
};

/// Both in one step; the second alone where the first cannot hand over to it.
Hypothesis both(const Hypothesis& first, const Hypothesis& second);

enum class FaultClass {
  mistake,   ///< another function than the model's
  rounding,  ///< the model's function in less precision
};

struct Fault {
  std::string_view name;     ///< "rope_pairing"
  std::string_view claim;    ///< one sentence about the engine: "rotates channels i and i + d/2 together, ..."
  std::string_view remedy;   ///< one sentence: what to change
  std::string_view sources;  ///< where it was seen, separated by spaces: "huggingface/candle#3410"
  FaultClass fault_class;
  /// Appends a hypothesis for every parameter worth trying; nothing where the fault cannot live.
  void (*propose)(const Site& site, std::vector<Hypothesis>& hypotheses);
  /// Of a parameter whose right value the model says: that. The site is one where the fault was proposed.
  Parameter (*prescribe)(const Site& site) = nullptr;
};

/// The more particular ones first: where two explain a step equally well, the first is named.
std::span<const Fault* const> all_faults();

/// Null when there is none.
const Fault* find_fault(std::string_view name);

}  // namespace assay::diagnose
