// How IQ1_S and IQ1_M are written: the searches of ggml's reference quantizer. A group's values, sorted, are split into
// three runs, which become -1, 0 and 1 with an eighth added or taken away; of all splits the one that fits best is
// taken. Only files of this room include it.
#pragma once

#include <cstdint>

#include "quant/grid_search.h"

namespace assay::quant {

/// A block of 256 values as its type's file packs it.
struct Iq1Block {
  float d = 0;
  std::uint8_t scale[16] = {};  ///< 0 .. 7, for 2 * scale + 1
  std::uint16_t entry[32] = {};
  bool is_down[32] = {};  ///< by entry: an eighth is taken away
};

/// The digits of the codebook, one table for both types.
const GridDigits& iq1_digits();

/// 8 groups of 32 values, which share is_down. Without an importance x^2 is the weight.
Iq1Block encode_iq1_s_block(const float* x, const float* importance);
/// 16 groups of 16.
Iq1Block encode_iq1_m_block(const float* x, const float* importance);

/// Type::encode of both.
template <auto encode_block, auto put_together, int block_bytes>
void encode_iq1_blocks(const float* row, std::size_t width, const float* importance, std::byte* blocks) {
  for (std::size_t first = 0; first < width; first += 256, blocks += block_bytes) {
    std::fill_n(blocks, block_bytes, std::byte{0});
    put_together(encode_block(row + first, importance != nullptr ? importance + first : nullptr), blocks);
  }
}

}  // namespace assay::quant
