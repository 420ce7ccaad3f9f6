#include "diagnose/faults/faults.h"
#include "diagnose/faults/precision.h"

namespace assay::diagnose {

const Fault kF16Storage = {
    "f16_storage",
    "keeps values and weights in float16",
    "Expected of float16; keep what is large or is added up often, above all the residual, in float32.",
    "",
    FaultClass::rounding,
    propose_arithmetic<engine::Arithmetic::f16>};

}  // namespace assay::diagnose
