// The gate of weights: are the matrices they hold those of the file? Every value of the file is decoded by its block
// formula in float64 and laid beside theirs. Rounding to float16 or bfloat16 is no fault; [inputs, outputs] instead of
// [outputs, inputs], and rows of Q and K in the other order of rotary pairs, are legal and said in notes.
//
//   weight_transposed {as: scrambled|inputs_first|renamed}, qk_permutation {direction, heads}, wrong_tensor {tensor},
//   scale {factor}, norm_weight_offset {offset}
//   what blocks and rows can be misread as, by the names of those faults (faults/)
//   unknown                                          with what the difference looks like
#pragma once

#include <string>
#include <vector>

#include "diagnose/gates/gate.h"
#include "model/model.h"
#include "model/plan.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

/// Of all ForeignTrace::weights. residual_before is |theirs - ours| / |ours|, residual_after the same with the mistake
/// made on purpose.
GateReport check_weights(const model::Model& model, const trace::ForeignTrace& trace, int threads);

/// Makes notes of findings about weights whose steps all came out right: they are held otherwise than in the file, and
/// used as that needs.
void acquit_weights(const model::Plan& plan, const std::vector<StepReport>& steps, std::vector<Finding>& findings,
                    std::vector<std::string>& notes);

}  // namespace assay::diagnose
