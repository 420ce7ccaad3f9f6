#include "kernels/tables.h"

// The vectors first: the generic headers are written over their names.
#include "kernels/avx512/vec.h"
#include "kernels/generic/exact_small_block.h"
#include "kernels/generic/group_block.h"
#include "kernels/generic/small_block.h"
#include "kernels/generic/small_block_panel.h"
#include "kernels/generic/super_block.h"
#include "kernels/generic/super_block_panel.h"
#include "kernels/generic/table.h"

namespace assay::kernels {

constinit const Kernels kAvx512Kernels = make_table("avx512");

}  // namespace assay::kernels
