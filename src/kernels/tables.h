// What the objects compiled for one instruction set export: one table each. What is null for a type is taken from the
// next worse table.
#pragma once

#include "kernels/kernels.h"

namespace assay::kernels {

extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kZen4Kernels;  ///< products of Q4_K and Q6_K, nothing else
extern const Kernels kAmxKernels;   ///< products of quantized weights, nothing else
extern const Kernels kNeonKernels;
extern const Kernels kI8mmKernels;

}  // namespace assay::kernels
