// The codebooks of the types IQ1, IQ2 and IQ3: a block holds numbers of entries, and an entry stands for eight
// neighbouring values (IQ1, IQ2) or four (IQ3). Value i of an entry is its byte i, the least significant first.
//
// IQ2 and IQ3 know magnitudes, whose signs a block gives beside them. IQ1 knows signed bytes: -8, 0 or 8, to which a
// block adds 1 or -1.
#pragma once

#include <cstdint>

namespace assay::quant {

template <typename Entry, int entry_count>
struct Grid {
  static constexpr int kEntries = entry_count;
  static constexpr int kValues = sizeof(Entry);
  Entry entry[entry_count];
};

/// An entry as sixteen bits: of each value, the first in the lowest bits, the number of its magnitude among those that
/// the codebook has, 2 bits for eight values and 4 for four. Bits 0-7 of all entries, then bits 8-15.
template <int entry_count>
struct GridCodes {
  std::uint8_t low[entry_count];
  std::uint8_t high[entry_count];
};

extern const Grid<std::uint64_t, 2048> kIq1Grid;
extern const Grid<std::uint64_t, 256> kIq2XxsGrid;
extern const Grid<std::uint64_t, 512> kIq2XsGrid;
extern const Grid<std::uint64_t, 1024> kIq2SGrid;
extern const Grid<std::uint32_t, 256> kIq3XxsGrid;
extern const Grid<std::uint32_t, 512> kIq3SGrid;

extern const GridCodes<256> kIq2XxsCodes;
extern const GridCodes<512> kIq2XsCodes;
extern const GridCodes<256> kIq3XxsCodes;
extern const GridCodes<512> kIq3SCodes;

}  // namespace assay::quant
