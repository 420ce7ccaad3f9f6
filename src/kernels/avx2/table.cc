#include "kernels/tables.h"

// The vectors first: the generic headers are written over their names.
#include "kernels/avx2/vec.h"
#include "kernels/generic/exact_small_block.h"
#include "kernels/generic/group_block.h"
#include "kernels/generic/small_block.h"
#include "kernels/generic/small_block_panel.h"
#include "kernels/generic/super_block.h"
#include "kernels/generic/super_block_panel.h"
#include "kernels/generic/table.h"

namespace assay::kernels {

constinit const Kernels kAvx2Kernels = make_table("avx2");

}  // namespace assay::kernels
