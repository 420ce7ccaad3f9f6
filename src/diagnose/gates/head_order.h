// The gate of the order of channels within heads of Q and K (trace/foreign/head_order.h): an engine whose weights and
// rotation both have the other order computes the same attention, so its dump is turned into the plan's order. Where
// only one of the two has it, or only one of Q and K, it is a mistake and stays for the search.
//
// The order of Q before its rotation is told by what the plan makes of the values before it. Which channels were
// rotated together is told by the pairs that kept their norm, whatever the angles are.
#pragma once

#include <string>
#include <vector>

#include "diagnose/stepper.h"
#include "model/model.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

/// Looks at three blocks at most of which Q, K or their rotated forms were given, and converts the taps of all blocks
/// or none. Says in notes what was done, and why. The passage is that of the trace's tokens.
std::vector<std::string> align_head_order(const model::Model& model, const Passage& passage, trace::ForeignTrace& trace,
                                          int threads);

}  // namespace assay::diagnose
