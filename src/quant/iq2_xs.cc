// IQ2_XS: 256 values in 74 bytes, 2.3125 bits a value. 16 groups of 16 values.
//
//    0  f16  d
//    2  32 words of 16 bits: bits 0-8 of word j are an entry of the codebook, values 8j to 8j + 7; bits 9-15 their
//    signs
//       in seven bits
//   66  8 bytes: scale g is the nibble g % 2 (0 low, 1 high) of byte g / 2
//
//   value = d / 8 * (2 * scale + 1) * codebook value (8, 25 or 43) * sign
#include "quant/grid_block.h"
#include "quant/grid_search.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_groups(load_half(block) * 0.125F, 16, integers);
  for (int group = 0; group < 16; ++group)
    integers.scale[group] = odd_scale(as_bytes(block + 66)[group / 2] >> (4 * (group % 2)) & 15U);
  for (int j = 0; j < 32; ++j) {
    const std::uint32_t word = load_word<std::uint16_t>(block + 2 + 2 * j);
    unpack_entry(kIq2XsGrid.entry[word & 511], signs_of_seven(word >> 9), integers.quant + 8 * j);
  }
}

void put_together(const GridBlock& grid, std::byte* block) {
  store_half(grid.d, block);
  for (int j = 0; j < 32; ++j) {
    const auto word = static_cast<std::uint16_t>(grid.entry[j] | (grid.signs[j] & 127) << 9);
    std::memcpy(block + 2 + 2 * j, &word, sizeof word);
  }
  pack_nibble_pairs(grid.scale, 16, block + 66);
}

GridDigits make_digits() { return {kIq2XsGrid, 2}; }

constexpr GridRule kRule = {.group_values = 16,
                            .step = 0.1F,
                            .steps = 9,
                            .least = kNothing,
                            .variance = 1,
                            .plain_share = 0,
                            .factor = 1,
                            .has_seven_signs = true,
                            .starts_fitted = false,
                            .refit = GridRule::Refit::off_grid};

}  // namespace

extern constinit const Type iq2_xs =
    quantized_type<take_apart, 256, 74>(17, "IQ2_XS", encode_grid_blocks<make_digits, put_together, kRule, 74>);

}  // namespace assay::quant
