// The table of an instruction set that is written over its vec.h.
//
// Included after the instruction set's vec.h, its products and panels of super and of small blocks, and the
// SmallBlockRow and formats of small blocks that go with them.
#pragma once

#include <cstdint>

#include "kernels/generic/attention.h"
#include "kernels/generic/exact.h"
#include "kernels/generic/float_product.h"
#include "kernels/generic/grid_formats.h"
#include "kernels/generic/product_driver.h"
#include "kernels/generic/row_sums.h"
#include "kernels/generic/super_block_formats.h"
#include "kernels/generic/vector.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

// A type's product and its rows for the oracle, by ggml_type.

template <typename Row>
constexpr void set_float(Kernels& table, std::uint32_t id) {
  table.product[id] = float_product<Row>;
  table.exact[id] = exact_row<FloatRow<Row>>();
}

template <typename Format>
constexpr void set_small(Kernels& table, std::uint32_t id) {
  table.product[id] = tiled_product<SmallBlockProduct<Format>, SmallBlockPanel<Format>>;
  table.exact[id] = exact_row<SmallBlockRow<Format>>();
}

template <typename Format>
constexpr void set_super(Kernels& table, std::uint32_t id) {
  table.product[id] = tiled_product<SuperBlockProduct<Format>, SuperBlockPanel<Format>>;
  table.exact[id] = exact_row<SuperBlockRow<Format>>();
}

constexpr Kernels make_table(const char* isa) {
  Kernels table = {.isa = isa,
                   .quantize = quantize,
                   .product = {},
                   .rms_norm = rms_norm,
                   .silu_product = silu_product,
                   .gelu_product = gelu_product,
                   .gelu_tanh_product = gelu_tanh_product,
                   .scale = scale_row,
                   .soft_cap = soft_cap,
                   .add = add_rows,
                   .rotate = rotate,
                   .scores = scores,
                   .softmax = softmax,
                   .weighted_sums = weighted_sums,
                   .to_half = to_half,
                   .exact = {},
                   .dot_exact = dot_exact,
                   .product_exact = product_exact,
                   .weighted_sum_exact = weighted_sum_exact,
                   .row_sums = row_sums};
  set_float<F32Row>(table, 0);
  set_float<F16Row>(table, 1);
  set_float<Bf16Row>(table, 30);
  set_small<Q40>(table, 2);
  set_small<Q41>(table, 3);
  set_small<Q50>(table, 6);
  set_small<Q51>(table, 7);
  set_small<Q80>(table, 8);
  set_small<Q81>(table, 9);
  set_small<Iq4Nl>(table, 20);
  set_small<Mxfp4>(table, 39);
  set_super<Q2K>(table, 10);
  set_super<Q3K>(table, 11);
  set_super<Q4K>(table, 12);
  set_super<Q5K>(table, 13);
  set_super<Q6K>(table, 14);
  set_super<Q8K>(table, 15);
  set_super<Iq2Xxs>(table, 16);
  set_super<Iq2Xs>(table, 17);
  set_super<Iq3Xxs>(table, 18);
  set_super<Iq1S>(table, 19);
  set_super<Iq3S>(table, 21);
  set_super<Iq2S>(table, 22);
  set_super<Iq4Xs>(table, 23);
  set_super<Iq1M>(table, 29);
  set_super<Tq10>(table, 34);
  set_super<Tq20>(table, 35);
  return table;
}

}  // namespace
}  // namespace assay::kernels
