// What diagnose says: what is wrong, what is right, and what cannot be decided.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/fault.h"

namespace assay::diagnose {

enum class VerdictKind {
  fault,      ///< at least one mistake
  rounding,   ///< nothing but less precision
  undecided,  ///< too little was given to say either
};
std::string_view name(VerdictKind kind);  ///< "fault"

/// One mistake, or one place that computes with less precision than the rest.
struct Finding {
  std::vector<std::string> taps;  ///< where, in causal order; all the layers that have it
  std::string observed;           ///< the tap where it was seen, when that is not the first of taps
  std::string operation;          ///< "rope"; "tokens", "sampler", "weights" for what is no step
  std::string fault;              ///< its name; "unknown" when no known one explains it
  FaultClass fault_class = FaultClass::mistake;
  std::vector<Parameter> parameters;
  std::vector<Parameter> prescribed;  ///< of those parameters whose right value the model says
  std::string claim;                  ///< what the engine does
  std::string remedy;                 ///< what to change
  std::string sources;                ///< where else it was seen
  std::string fingerprint;            ///< what the residual looks like
  double residual_before = 0;
  double residual_after = 0;      ///< with the fault put into the exact engine
  double expected = 0;            ///< what rounding explains there
  double confidence = 0;          ///< 0 to 1
  std::vector<std::string> ties;  ///< other faults that explain it as well
};

/// What a fault says of itself and of this site; taps and evidence are left open.
Finding finding_of(const Fault& fault, std::vector<Parameter> parameters, const Site& site);

/// What the model prescribes there in place of the fault's parameters.
std::vector<Parameter> prescribed(const Fault& fault, const Site& site);

/// By how many a finding's confidence is divided; many are like ten.
std::size_t sharing(std::size_t ties);

/// That there is a mistake, not which of those that are tied: they share the confidence.
bool is_sure_mistake(const Finding& finding);

/// How one step came out.
struct StepReport {
  enum class Outcome {
    not_given,
    healthy,    ///< within the rounding of `arithmetic`
    fault,      ///< explained by a finding
    unknown,    ///< wrong, and no known fault explains it
    undecided,  ///< what it read is not known well enough to judge it
  };
  std::size_t step = 0;
  std::string tap;
  std::string operation;
  Outcome outcome = Outcome::not_given;
  double residual = 0;     ///< on the candidate's own inputs
  double expected = 0;     ///< what its arithmetic explains
  std::string arithmetic;  ///< of a healthy step: the finest that explains it
};
std::string_view name(StepReport::Outcome outcome);  ///< "healthy"

struct Verdict {
  VerdictKind kind = VerdictKind::undecided;
  std::size_t layers = 0;              ///< of the model
  std::vector<Finding> findings;       ///< mistakes in causal order, then lesser precision
  std::vector<StepReport> steps;       ///< in the plan's order
  std::vector<std::string> acquitted;  ///< taps given, judged, and right
  std::vector<std::string> needed;     ///< what would decide more, in words
  std::vector<std::string> notes;      ///< about the dump: layouts, names, what was not used
  std::string arithmetic;              ///< what most linear steps compute in; empty when none was judged
};

}  // namespace assay::diagnose
