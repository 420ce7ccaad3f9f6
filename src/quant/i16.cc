// I16: signed integers, 2 bytes a value.
#include "quant/plain_number.h"

namespace assay::quant {

extern constinit const Type i16 = number_type<std::int16_t>(25, "I16");

}  // namespace assay::quant
