// IQ2_XXS: 256 values in 66 bytes, 2.0625 bits a value. 8 groups of 32 values.
//
//   0  f16  d
//   2  8 bytes for each group g: four entries of the codebook, a byte each, then a word of 32 bits: bits 7j to 7j + 6
//      are the signs of entry j in seven bits, bits 28-31 scale g
//
//   value = d / 8 * (2 * scale + 1) * codebook value (8, 25 or 43) * sign
#include "quant/grid_block.h"
#include "quant/grid_search.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_groups(load_half(block) * 0.125F, 32, integers);
  for (int group = 0; group < 8; ++group) {
    const std::byte* field = block + 2 + 8 * group;
    const auto word = load_word<std::uint32_t>(field + 4);
    integers.scale[group] = odd_scale(word >> 28);
    for (int j = 0; j < 4; ++j) {
      unpack_entry(kIq2XxsGrid.entry[as_bytes(field)[j]], signs_of_seven(word >> (7 * j) & 127),
                   integers.quant + 32 * group + 8 * j);
    }
  }
}

void put_together(const GridBlock& grid, std::byte* block) {
  store_half(grid.d, block);
  for (int group = 0; group < 8; ++group) {
    std::uint32_t word = static_cast<std::uint32_t>(grid.scale[group]) << 28;
    for (int j = 0; j < 4; ++j) word |= (grid.signs[4 * group + j] & 127U) << (7 * j);
    std::byte* field = block + 2 + 8 * group;
    for (int j = 0; j < 4; ++j) as_bytes(field)[j] = static_cast<std::uint8_t>(grid.entry[4 * group + j]);
    std::memcpy(field + 4, &word, sizeof word);
  }
}

GridDigits make_digits() { return {kIq2XxsGrid, 2}; }

constexpr GridRule kRule = {.group_values = 32,
                            .step = 0.1F,
                            .steps = 6,
                            .least = kNothing,
                            .variance = 1,
                            .plain_share = 0,
                            .factor = 1,
                            .has_seven_signs = true,
                            .starts_fitted = true,
                            .refit = GridRule::Refit::all};

}  // namespace

extern constinit const Type iq2_xxs =
    quantized_type<take_apart, 256, 66>(16, "IQ2_XXS", encode_grid_blocks<make_digits, put_together, kRule, 66>);

}  // namespace assay::quant
