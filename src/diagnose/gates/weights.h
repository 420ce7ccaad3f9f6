// The gate of weights: are the matrices they hold those of the file? Every value of the file is decoded by its block
// formula in float64 and laid beside theirs. Rounding to float16 or bfloat16 is no fault; [in, out] instead of
// [out, in], and rows of Q and K in Hugging Face's order, are legal and said in notes.
//
//   weight_transposed, qk_permutation, wrong_tensor {tensor}, scale {factor}, norm_weight_offset {offset}
//   the faults of how a type's blocks are read, by their own names (faults/)
//   unknown                                          with what the difference looks like
#pragma once

#include "diagnose/gates/gate.h"
#include "model/model.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

/// Of all ForeignTrace::weights. residual_before is |theirs - ours| / |ours|, residual_after the same with the mistake
/// made on purpose.
GateReport check_weights(const model::Model& model, const trace::ForeignTrace& trace, int threads);

}  // namespace assay::diagnose
