// What the panels of neon and i8mm share (generic/panel.h). Quants are signed bytes; hi and the remainder are too, lo
// becomes so by 128 less, for which its sum starts at 128 * sum q.
//
// Included after the instruction set's panel_sums.h, which says
//   arrange_quants(rows, quants)      64 quants of each of sixteen rows in the order in which they are multiplied,
//                                     16 values of all rows in four vectors
//   PanelSums<kTokens>                sums of sixteen rows for some tokens; it begins at 0
//     add_sixteen(quants, planes, first)   += products with 16 values of each token's plane
//     add(ints)                       += an int a row, for every token
//     add_products(sums, factors)     += sums * an int a row
//     shift_left<kCount>()
//     of_token(t)                     -> an int a row
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/panel.h"

namespace assay::kernels {
namespace {

/// 128 * sum q of `count` values of each row.
inline Int start_of_low(const Int* quants, std::size_t count) {
  constexpr std::int8_t kOnes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  const std::int8_t* ones = kOnes;
  PanelSums<1> sums;
  for (std::size_t i = 0; i < count; i += 16) sums.add_sixteen(quants + i / 4, &ones, 0);
  return shift_ints_left<7>(sums.of_token(0));
}

}  // namespace
}  // namespace assay::kernels
