// IQ3_S: 256 values in 110 bytes, 3.4375 bits a value. 8 groups of 32 values.
//
//     0  f16  d
//     2  64 bytes: bits 0-7 of the numbers of entries of the codebook; entry j stands for values 4j to 4j + 3
//    66  8 bytes: bit j % 8 of byte j / 8 is bit 8 of entry j
//    74  32 bytes: bit i % 8 of byte i / 8 is set where value i is negative
//   106  4 bytes: scale g is the nibble g % 2 (0 low, 1 high) of byte g / 2
//
//   value = d * (2 * scale + 1) * codebook value (1, 3, 5, 7, 9, 11, 13 or 15) * sign
#include "quant/grid_block.h"
#include "quant/grid_search.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_groups(load_half(block), 32, integers);
  for (int group = 0; group < 8; ++group)
    integers.scale[group] = odd_scale(as_bytes(block + 106)[group / 2] >> (4 * (group % 2)) & 15U);
  for (int j = 0; j < 64; ++j) {
    const std::uint32_t upper = as_bytes(block + 66)[j / 8] >> (j % 8) & 1U;
    const std::uint32_t signs = static_cast<std::uint32_t>(as_bytes(block + 74)[j / 2]) >> (4 * (j % 2));
    unpack_entry(kIq3SGrid.entry[as_bytes(block + 2)[j] | upper << 8], signs, integers.quant + 4 * j);
  }
}

void put_together(const GridBlock& grid, std::byte* block) {
  store_half(grid.d, block);
  for (int j = 0; j < 64; ++j) {
    as_bytes(block + 2)[j] = static_cast<std::uint8_t>(grid.entry[j]);
    as_bytes(block + 66)[j / 8] |= static_cast<std::uint8_t>(grid.entry[j] >> 8 << (j % 8));
  }
  std::copy_n(grid.signs, 32, as_bytes(block + 74));
  pack_nibble_pairs(grid.scale, 8, block + 106);
}

GridDigits make_digits() { return {kIq3SGrid, 3}; }

constexpr GridRule kRule = {.group_values = 32,
                            .step = 0.2F,
                            .steps = 9,
                            .least = 0x1p-149F,
                            .variance = 2,
                            .plain_share = 0,
                            .factor = 1.033F,
                            .has_seven_signs = false,
                            .starts_fitted = false,
                            .refit = GridRule::Refit::all_if_off_grid};

}  // namespace

extern constinit const Type iq3_s =
    quantized_type<take_apart, 256, 110>(21, "IQ3_S", encode_grid_blocks<make_digits, put_together, kRule, 110>);

}  // namespace assay::quant
