// F64: IEEE 754 binary64, 8 bytes a value.
#include "quant/plain_number.h"

namespace assay::quant {

extern constinit const Type f64 = number_type<double>(28, "F64");

}  // namespace assay::quant
