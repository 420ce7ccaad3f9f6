// What the IQ1, IQ2 and IQ3 types share beside their codebooks (grids.h): signs and how a block is written down. Only
// files of this room include it.
#pragma once

#include <bit>

#include "quant/block.h"
#include "quant/grids.h"

namespace assay::quant {

template <typename Word>
inline Word load_word(const std::byte* field) {
  Word word;
  std::memcpy(&word, field, sizeof word);
  return word;
}

/// Eight signs are stored in seven bits, because an even number of them is set: the eighth makes it so.
inline std::uint32_t signs_of_seven(std::uint32_t seven) {
  return seven | static_cast<std::uint32_t>(std::popcount(seven) & 1) << 7;
}

/// The values of an entry; value i is negative where bit i of `signs` is set.
template <typename Entry>
inline void unpack_entry(Entry entry, std::uint32_t signs, std::int16_t* quant) {
  for (std::size_t i = 0; i < sizeof(Entry); ++i) {
    const auto value = static_cast<std::int8_t>(entry >> (8 * i) & 0xFF);
    quant[i] = static_cast<std::int16_t>((signs >> i & 1) != 0 ? -value : value);
  }
}

/// An entry of IQ1, with 1 added to its values, or -1.
inline void unpack_shifted_entry(std::uint64_t entry, bool is_down, std::int16_t* quant) {
  unpack_entry(entry, 0, quant);
  for (int i = 0; i < 8; ++i) quant[i] = static_cast<std::int16_t>(quant[i] + (is_down ? -1 : 1));
}

/// Begins a block without minimums.
inline void start_groups(float d, int group_values, BlockIntegers& integers) {
  integers.d = d;
  integers.dmin = 0;
  integers.group_values = group_values;
  for (int group = 0; group < 256 / group_values; ++group) integers.min[group] = 0;
}

/// Scales of these types are odd: 2 * field + 1.
inline std::int32_t odd_scale(std::uint32_t field) { return static_cast<std::int32_t>(2 * field + 1); }

}  // namespace assay::quant
