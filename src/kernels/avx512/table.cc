#include "kernels/tables.h"

// The vectors first, then the products: the other headers are written over their names.
// clang-format off
#include "kernels/avx512/vec.h"
#include "kernels/avx512/codebook_block.h"
#include "kernels/avx512/nibble_block.h"
#include "kernels/avx512/super_block.h"
// clang-format on
#include "kernels/generic/exact_small_block.h"
#include "kernels/generic/group_block.h"
#include "kernels/generic/small_block.h"
#include "kernels/generic/small_block_panel.h"
#include "kernels/generic/super_block_panel.h"
#include "kernels/generic/table.h"

namespace assay::kernels {

constinit const Kernels kAvx512Kernels = make_table("avx512");

}  // namespace assay::kernels
