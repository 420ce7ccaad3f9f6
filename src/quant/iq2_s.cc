// IQ2_S: 256 values in 82 bytes, 2.5625 bits a value. 16 groups of 16 values.
//
//    0  f16  d
//    2  32 bytes: bits 0-7 of the numbers of entries of the codebook; entry j stands for values 8j to 8j + 7
//   34  32 bytes: bit i of byte j is set where value 8j + i is negative
//   66  8 bytes: bits 2 (j % 4), 2 (j % 4) + 1 of byte j / 4 are bits 8-9 of entry j
//   74  8 bytes: scale g is the nibble g % 2 (0 low, 1 high) of byte g / 2
//
//   value = d / 8 * (2 * scale + 1) * codebook value (8, 25 or 43) * sign
#include "quant/grid_block.h"
#include "quant/grid_search.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_groups(load_half(block) * 0.125F, 16, integers);
  for (int group = 0; group < 16; ++group)
    integers.scale[group] = odd_scale(as_bytes(block + 74)[group / 2] >> (4 * (group % 2)) & 15U);
  for (int j = 0; j < 32; ++j) {
    const std::uint32_t upper = as_bytes(block + 66)[j / 4] >> (2 * (j % 4)) & 3U;
    unpack_entry(kIq2SGrid.entry[as_bytes(block + 2)[j] | upper << 8], as_bytes(block + 34)[j], integers.quant + 8 * j);
  }
}

void put_together(const GridBlock& grid, std::byte* block) {
  store_half(grid.d, block);
  for (int j = 0; j < 32; ++j) {
    as_bytes(block + 2)[j] = static_cast<std::uint8_t>(grid.entry[j]);
    as_bytes(block + 34)[j] = grid.signs[j];
    as_bytes(block + 66)[j / 4] |= static_cast<std::uint8_t>(grid.entry[j] >> 8 << (2 * (j % 4)));
  }
  pack_nibble_pairs(grid.scale, 16, block + 74);
}

GridDigits make_digits() { return {kIq2SGrid, 1}; }

constexpr GridRule kRule = {.group_values = 16,
                            .step = 0.1F,
                            .steps = 9,
                            .least = 1e-8F,
                            .variance = 2,
                            .plain_share = 0.25F,
                            .factor = 0.9875F,
                            .has_seven_signs = false,
                            .starts_fitted = false,
                            .refit = GridRule::Refit::off_grid};

}  // namespace

extern constinit const Type iq2_s =
    quantized_type<take_apart, 256, 82>(22, "IQ2_S", encode_grid_blocks<make_digits, put_together, kRule, 82>);

}  // namespace assay::quant
