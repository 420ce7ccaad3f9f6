// The gate of the order of channels within heads of Q and K (trace/foreign/head_order.h): an engine whose weights and
// rotation both have the other order computes the same attention, so its dump is turned into the plan's order. Where
// only one of the two has it, it is a mistake and stays for the search.
#pragma once

#include <string>
#include <vector>

#include "diagnose/stepper.h"
#include "model/model.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

/// Looks at the first block of which Q, K or their rotated forms were given, beside what the plan makes of the values
/// given before them, and converts the taps of all blocks or none. Sets ForeignTap::head_order where it could be told.
/// Says in notes what was done, and why.
std::vector<std::string> align_head_order(const model::Model& model, const Passage& passage, trace::ForeignTrace& trace,
                                          int threads);

}  // namespace assay::diagnose
