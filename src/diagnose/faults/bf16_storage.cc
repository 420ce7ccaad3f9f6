#include "diagnose/faults/faults.h"
#include "diagnose/faults/precision.h"

namespace assay::diagnose {

const Fault kBf16Storage = {
    "bf16_storage",
    "keeps values and weights in bfloat16",
    "Expected of bfloat16, which has 8 bits of precision; judge such an engine by other figures than a float32 one.",
    "ggml-org/llama.cpp#17980",
    FaultClass::rounding,
    propose_arithmetic<engine::Arithmetic::bf16>};

}  // namespace assay::diagnose
