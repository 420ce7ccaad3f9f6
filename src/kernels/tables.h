// What the objects compiled for one instruction set export: one table each. What is null for a type is taken from the
// next worse table.
#pragma once

#include "kernels/kernels.h"

namespace assay::kernels {

extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kZen4Kernels;  ///< products of Q4_K, Q6_K, IQ1_S, IQ1_M and IQ2_S, nothing else
extern const Kernels kAmxKernels;   ///< products of quantized weights, nothing else
extern const Kernels kNeonKernels;
extern const Kernels kI8mmKernels;

}  // namespace assay::kernels
