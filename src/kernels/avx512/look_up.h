// Tables of more bytes than a vector, looked up in registers: a gather, or a load for each entry, costs more.
//
// Included after avx512/vec.h.
#pragma once

#include <cstdint>

#include <immintrin.h>

#include "kernels/generic/token.h"

namespace assay::kernels {
namespace {

/// Bytes of a table of 256.
inline Int look_up_256(const Byte* table, Int index) {
  const Int lower = _mm512_permutex2var_epi8(load(table), index, load(table + 64));
  const Int upper = _mm512_permutex2var_epi8(load(table + 128), index, load(table + 192));
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), lower, upper);
}
/// Of a table of 512: bit 8 of index i is bit i of `upper`.
inline Int look_up_512(const Byte* table, Int index, std::uint64_t upper) {
  return _mm512_mask_blend_epi8(upper, look_up_256(table, index), look_up_256(table + 256, index));
}

}  // namespace
}  // namespace assay::kernels
