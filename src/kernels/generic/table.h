// The table of an instruction set that is written over its vec.h.
//
// Included after the instruction set's vec.h.
#pragma once

#include "kernels/generic/exact.h"
#include "kernels/generic/float_product.h"
#include "kernels/generic/row_sums.h"
#include "kernels/generic/small_block.h"
#include "kernels/generic/super_block.h"
#include "kernels/generic/super_block_formats.h"
#include "kernels/generic/vector.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

constexpr Kernels make_table(const char* isa) {
  Kernels table = {.isa = isa,
                   .quantize = quantize,
                   .product = {},
                   .rms_norm = rms_norm,
                   .silu_product = silu_product,
                   .add = add_rows,
                   .rotate = rotate,
                   .scores = scores,
                   .softmax = softmax,
                   .weighted_sum = weighted_sum,
                   .to_half = to_half,
                   .exact = {},
                   .dot_exact = dot_exact,
                   .row_sums = row_sums};
  table.product[0] = float_product<F32Row>;
  table.product[1] = float_product<F16Row>;
  table.product[2] = tiled_product<SmallBlockProduct<Q40>>;
  table.product[3] = tiled_product<SmallBlockProduct<Q41>>;
  table.product[6] = tiled_product<SmallBlockProduct<Q50>>;
  table.product[7] = tiled_product<SmallBlockProduct<Q51>>;
  table.product[8] = tiled_product<SmallBlockProduct<Q80>>;
  table.product[10] = tiled_product<SuperBlockProduct<Q2K>>;
  table.product[11] = tiled_product<SuperBlockProduct<Q3K>>;
  table.product[12] = tiled_product<SuperBlockProduct<Q4K>>;
  table.product[13] = tiled_product<SuperBlockProduct<Q5K>>;
  table.product[14] = tiled_product<SuperBlockProduct<Q6K>>;
  table.product[20] = tiled_product<SmallBlockProduct<Iq4Nl>>;
  table.product[30] = float_product<Bf16Row>;
  table.exact[0] = exact_row<FloatRow<F32Row>>();
  table.exact[1] = exact_row<FloatRow<F16Row>>();
  table.exact[2] = exact_row<SmallBlockRow<Q40>>();
  table.exact[3] = exact_row<SmallBlockRow<Q41>>();
  table.exact[6] = exact_row<SmallBlockRow<Q50>>();
  table.exact[7] = exact_row<SmallBlockRow<Q51>>();
  table.exact[8] = exact_row<SmallBlockRow<Q80>>();
  table.exact[10] = exact_row<SuperBlockRow<Q2K>>();
  table.exact[11] = exact_row<SuperBlockRow<Q3K>>();
  table.exact[12] = exact_row<SuperBlockRow<Q4K>>();
  table.exact[13] = exact_row<SuperBlockRow<Q5K>>();
  table.exact[14] = exact_row<SuperBlockRow<Q6K>>();
  table.exact[30] = exact_row<FloatRow<Bf16Row>>();
  return table;
}

}  // namespace
}  // namespace assay::kernels
