// The gate of the sampler: are the ids they chose the largest of the logits they gave? Equal logits, and what printing
// or storing the logits may have rounded, are no fault.
//
//   not_greedy {rule: repetition_penalty}                 every larger id stands among the tokens before
//   not_greedy {rule: other_row, offset: -1|+1}           each is the largest of a neighbouring row
//   not_greedy                                            neither
#pragma once

#include "diagnose/gates/gate.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

/// Judges each id that follows a row of the tap "logits", given whole or by single facts: `generated` where there are
/// any, else tokens[prompt_tokens...] unless the dump says that they were prescribed. They may have been even so: where
/// fewer are the largest than are not, that is a note. residual_before is the largest margin by which a chosen id falls
/// short of the row's largest logit. Confidence stays below 1: they may sample on purpose.
GateReport check_sampler(const trace::ForeignTrace& trace);

}  // namespace assay::diagnose
