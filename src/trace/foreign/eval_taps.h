// The operations of llama.cpp's eval-callback text as taps. What an operation computes is told by its weight where it
// has one ("blk.0.attn_q.weight" makes q, whatever its name) and by its name and kind elsewhere: Qcur-0 is q until ROPE
// made it. All that is known are printed values and sums.
#pragma once

#include "model/plan.h"
#include "trace/foreign/eval_text.h"
#include "trace/foreign/foreign_trace.h"
#include "trace/foreign/names.h"

namespace assay::trace {

/// Adds to the trace what the text says; sets its token_count. A graph that is printed again goes on with the tokens
/// behind the first; of fewer rows than the graph has tokens it is the last.
void read_eval_taps(const EvalText& text, const model::Plan& plan, const Names& names, ForeignTrace& trace);

}  // namespace assay::trace
