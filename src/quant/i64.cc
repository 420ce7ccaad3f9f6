// I64: signed integers, 8 bytes a value.
#include "quant/plain_number.h"

namespace assay::quant {

extern constinit const Type i64 = number_type<std::int64_t>(27, "I64");

}  // namespace assay::quant
