// Gates: what is looked at before any step of the network, because a mistake there makes every later value wrong: the
// token ids, the choice of ids, the weights, and the order of channels in the dump.
#pragma once

#include <string>
#include <vector>

#include "diagnose/verdict.h"

namespace assay::diagnose {

/// What a gate saw. Findings of gates have the tap "tokens", "sampler", or the tensor's name, their evidence is in
/// `fingerprint`, and residuals are said at each gate.
struct GateReport {
  std::vector<Finding> findings;
  std::vector<std::string> notes;  ///< legal differences, and what could not be judged
};

}  // namespace assay::diagnose
