#include "kernels/tables.h"

// The vectors first, then the products: the generic headers are written over their names.
// clang-format off
#include "kernels/neon/vec.h"
#include "kernels/i8mm/panel_sums.h"
#include "kernels/neon/group_block.h"
#include "kernels/neon/small_block.h"
#include "kernels/neon/small_block_panel.h"
#include "kernels/neon/super_block.h"
#include "kernels/neon/super_block_panel.h"
#include "kernels/generic/table.h"
// clang-format on

namespace assay::kernels {

constinit const Kernels kI8mmKernels = make_table("i8mm");

}  // namespace assay::kernels
