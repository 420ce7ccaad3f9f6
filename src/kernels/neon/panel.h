// What the panels of neon and i8mm share (generic/panel.h). Quants are signed bytes; hi and the remainder are too, lo
// becomes so by 128 less, for which its sum starts at 128 * sum q.
//
// Included after the instruction set's panel_sums.h, which says
//   arrange_quants(rows, quants)      64 quants of each of sixteen rows in the order in which they are multiplied,
//                                     16 values of all rows in four vectors
//   PanelSums<kTokens>                sums of sixteen rows for some tokens; it begins at 0
//     pack(planes, first)             16 values of each token's plane in the order in which they are multiplied
//     add_sixteen(quants, packed)     += their products
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

/// Planes of kValues values of some tokens.
template <std::size_t kTokens, std::size_t kValues>
struct PackedTokens {
  Token tokens[kTokens];
  typename PanelSums<kTokens>::Sixteen hi[kValues / 16], lo[kValues / 16];
};
template <std::size_t kTokens, std::size_t kValues>
inline PackedTokens<kTokens, kValues> pack_tokens(const Activations& x, std::size_t first_token,
                                                  std::size_t first_value, std::size_t count) {
  PackedTokens<kTokens, kValues> packed;
  const std::int8_t* hi[kTokens];
  const std::uint8_t* lo[kTokens];
  for (std::size_t t = 0; t < kTokens; ++t) {
    packed.tokens[t] = token_of(x, first_token + t);
    hi[t] = packed.tokens[t].hi + first_value;
    lo[t] = packed.tokens[t].lo + first_value;
  }
  for (std::size_t i = 0; i < count / 16; ++i) {
    packed.hi[i] = PanelSums<kTokens>::pack(hi, 16 * i);
    packed.lo[i] = PanelSums<kTokens>::pack(lo, 16 * i);
  }
  return packed;
}

/// 128 * sum q of `count` values of each row.
inline Int start_of_low(const Int* quants, std::size_t count) {
  constexpr std::int8_t kOnes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  const std::int8_t* ones = kOnes;
  PanelSums<1> sums;
  for (std::size_t i = 0; i < count; i += 16) sums.add_sixteen(quants + i / 4, PanelSums<1>::pack(&ones, 0));
  return shift_ints_left<7>(sums.of_token(0));
}

}  // namespace
}  // namespace assay::kernels
