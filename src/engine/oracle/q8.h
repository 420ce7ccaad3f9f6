// Linear steps with 8-bit activations, as ggml computes them on a CPU: the precision policy `q8`. A row of activations
// is quantized in blocks as long as the weights' blocks, as ggml's x86 code does it:
//   32 values (Q8_0, Q8_1): d = max|x| / 127, q = round_to_even(x * (127 / max|x|)), s = d * sum q; d and s are then
//     stored as float16
//   256 values (Q8_K): iscale = -127 / the value of largest magnitude, q = min(127, round_to_even(iscale * x)),
//     d = 1 / iscale, in float32
// All in float32. A block of a non-finite value gets d = NaN. With the weights' quant::BlockIntegers, blocks ascending:
//   I = sum scale * quant * q (exact),  acc += (d_w * d) * I
// (For weights in blocks of 64, NVFP4, in blocks of 32; there every group by itself: acc += (d_w * scale * d) * I.)
//   32 values: acc -= dmin * min * s;   256 values: acc -= (dmin * d) * M,  M = sum min * q (exact)
#pragma once

#include "engine/oracle/operations.h"
#include "engine/oracle/rounded.h"
#include "model/plan.h"

namespace assay::engine::oracle {

/// For a linear step, of experts or not, whose weight is quantized, in blocks of 32 or 256.
void run_q8(const model::Linear& linear, const Call& call, Q8Activations& x);
void run_q8(const model::ExpertLinear& linear, const Call& call, Q8Activations& x);

}  // namespace assay::engine::oracle
