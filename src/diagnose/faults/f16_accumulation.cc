#include "diagnose/faults/faults.h"
#include "diagnose/faults/precision.h"

namespace assay::diagnose {

const Fault kF16Accumulation = {"f16_accumulation",
                                "adds up in float16",
                                "Let sums run in float32, whatever the inputs are.",
                                "ggml-org/llama.cpp#10232 ggml-org/llama.cpp#11920 ggml-org/llama.cpp#15619",
                                FaultClass::rounding,
                                propose_arithmetic<engine::Arithmetic::f16acc>};

}  // namespace assay::diagnose
