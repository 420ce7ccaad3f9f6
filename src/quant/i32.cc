// I32: signed integers, 4 bytes a value.
#include "quant/plain_number.h"

namespace assay::quant {

extern constinit const Type i32 = number_type<std::int32_t>(26, "I32");

}  // namespace assay::quant
