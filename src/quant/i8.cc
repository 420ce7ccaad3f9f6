// I8: signed integers, 1 byte a value.
#include "quant/plain_number.h"

namespace assay::quant {

extern constinit const Type i8 = number_type<std::int8_t>(24, "I8");

}  // namespace assay::quant
