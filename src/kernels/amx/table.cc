#include "kernels/tables.h"

// The vectors and tiles first: the other headers are written over their names.
// clang-format off
#include "kernels/avx512/vec.h"
#include "kernels/amx/tiles.h"
#include "kernels/amx/products.h"
// clang-format on

namespace assay::kernels {

constinit const Kernels kAmxKernels = make_products("amx");

}  // namespace assay::kernels
