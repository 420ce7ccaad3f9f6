// Types that hold one plain number a value, of any kind C++ knows. Only files of this room include it.
#pragma once

#include "quant/block.h"

namespace assay::quant {

/// Type::decode (Real = float) and Type::decode_exact (Real = double): the nearest number that Real has.
template <typename Number, typename Real>
void decode_numbers(const std::byte* blocks, std::size_t block_count, Real* values) {
  for (std::size_t i = 0; i < block_count; ++i) {
    Number number;
    std::memcpy(&number, blocks + i * sizeof number, sizeof number);
    values[i] = static_cast<Real>(number);
  }
}

/// The entry of such a type in the list. They are read, not written.
template <typename Number>
constexpr Type number_type(std::uint32_t id, std::string_view name) {
  return {id, name, 1, sizeof(Number), decode_numbers<Number, float>, decode_numbers<Number, double>};
}

}  // namespace assay::quant
