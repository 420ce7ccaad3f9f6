// The table of an instruction set that is written over its vec.h.
//
// Included after the instruction set's vec.h, its products and panels of super, small and group blocks, and the
// SmallBlockRow and formats of small blocks that go with them.
#pragma once

#include <cstdint>

#include "kernels/generic/attention.h"
#include "kernels/generic/exact.h"
#include "kernels/generic/float_product.h"
#include "kernels/generic/group_block_formats.h"
#include "kernels/generic/product_driver.h"
#include "kernels/generic/quantized_types.h"
#include "kernels/generic/row_sums.h"
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

struct SetQuantized {
  Kernels& table;

  template <typename Format, std::uint32_t kId>
  constexpr void small() const {
    table.product[kId] = tiled_product<SmallBlockProduct<Format>, SmallBlockPanel<Format>>;
    table.exact[kId] = exact_row<SmallBlockRow<Format>>();
  }
  template <typename Format, std::uint32_t kId>
  constexpr void super() const {
    table.product[kId] = tiled_product<SuperBlockProduct<Format>, SuperBlockPanel<Format>>;
    table.exact[kId] = exact_row<SuperBlockRow<Format>>();
  }
};

template <typename Format>
constexpr void set_groups(Kernels& table, std::uint32_t id) {
  table.product[id] = tiled_product<GroupBlockProduct<Format>, GroupBlockPanel<Format>>;
  table.exact[id] = exact_row<GroupBlockRow<Format>>();
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
  for_each_quantized_type(SetQuantized{table});
  set_groups<Nvfp4>(table, 40);
  return table;
}

}  // namespace
}  // namespace assay::kernels
