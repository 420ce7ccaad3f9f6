// The specification as a table.
#pragma once

#include "kernels/kernels.h"

namespace assay::kernels::scalar {

/// Products for every type the quant room can take apart, and for the float types.
Kernels make_table();

}  // namespace assay::kernels::scalar
