// AMX's products over emulated tiles. Compiled as AVX-512's table is.
#if defined(__x86_64__)

#include "kernels/tables.h"

// The vectors and tiles first: the other headers are written over their names.
// clang-format off
#include "kernels/avx512/vec.h"
#include "tests/kernels/emulated_tiles.h"
#include "kernels/amx/products.h"
// clang-format on

namespace assay::kernels::test {

extern const Kernels kEmulatedAmxKernels;
constinit const Kernels kEmulatedAmxKernels = make_products("emulated_amx");

}  // namespace assay::kernels::test

#endif
