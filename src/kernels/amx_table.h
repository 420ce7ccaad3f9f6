// How the tables of Zen 4 and AMX come about: AVX-512's with other products. What one CPU or emulator does
// right with tiles another may do wrong, so AMX's are compared before they are used.
#pragma once

#include "kernels/kernels.h"

namespace assay::kernels {

/// `table` under the name of `products` and with those products that it has.
Kernels with_products(Kernels table, const Kernels& products);

/// Whether a few small products of both tables have the same bits: of each way in which blocks are folded, with
/// minimums, outliers and ragged ends. Takes some ten microseconds.
bool products_agree(const Kernels& a, const Kernels& b);

}  // namespace assay::kernels
