// Rows of the types of small_block.h in float64; see exact.h.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>

#include "kernels/generic/exact.h"
#include "kernels/generic/small_block.h"

namespace assay::kernels {
namespace {

/// Block kHalf of a pair.
template <typename Format, int kHalf, typename Take>
inline void read_small_block(const Byte* block, const WordPair& quants, std::size_t first, Take take) {
  const ExactScales scales = exact_scales<Format>(block);
  const Doubles d = all_doubles(scales.d);
  const Doubles min = all_doubles(Format::kHasMin ? -scales.dmin : 0.0);
  take(first, fused_subtract(d, doubles_of_words<kHalf>(quants.low), min));
  take(first + 16, fused_subtract(d, doubles_of_words<kHalf>(quants.high), min));
}

template <typename Format>
struct SmallBlockRow {
  static constexpr std::size_t kBlockValues = 32;
  template <typename Take>
  static void read(const Byte* blocks, std::size_t block_count, Take take) {
    for (std::size_t block = 0; block < block_count; block += 2) {
      // The last of an odd number stands in both halves.
      const bool is_pair = block + 1 < block_count;
      const Byte* first = blocks + block * Format::kBytes;
      const Byte* second = is_pair ? first + Format::kBytes : first;
      WordPair quants = Format::quants(first, second);
      if constexpr (Format::kBias != 0) {
        const Int bias = all_words(Format::kBias);
        quants = {subtract_words(quants.low, bias), subtract_words(quants.high, bias)};
      }
      read_small_block<Format, 0>(first, quants, 32 * block, take);
      if (is_pair) read_small_block<Format, 1>(second, quants, 32 * block + 32, take);
    }
  }
};

}  // namespace
}  // namespace assay::kernels
