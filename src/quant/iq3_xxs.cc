// IQ3_XXS: 256 values in 98 bytes, 3.0625 bits a value. 8 groups of 32 values.
//
//    0  f16  d
//    2  64 bytes: entries of the codebook; entry j stands for values 4j to 4j + 3
//   66  a word of 32 bits for each group g: bits 7j to 7j + 6 are the signs of values 8j to 8j + 7 of the group in
//   seven
//       bits, bits 28-31 scale g
//
//   value = d / 4 * (2 * scale + 1) * codebook value (4, 12, 20, 28, 36, 44, 52 or 62) * sign
#include "quant/grid_block.h"
#include "quant/grid_search.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_groups(load_half(block) * 0.25F, 32, integers);
  for (int group = 0; group < 8; ++group) {
    const auto word = load_word<std::uint32_t>(block + 66 + 4 * group);
    integers.scale[group] = odd_scale(word >> 28);
    for (int j = 0; j < 8; ++j) {
      const std::uint32_t signs = signs_of_seven(word >> (7 * (j / 2)) & 127) >> (4 * (j % 2));
      unpack_entry(kIq3XxsGrid.entry[as_bytes(block + 2 + 8 * group)[j]], signs, integers.quant + 32 * group + 4 * j);
    }
  }
}

void put_together(const GridBlock& grid, std::byte* block) {
  store_half(grid.d, block);
  for (int group = 0; group < 8; ++group) {
    std::uint32_t word = static_cast<std::uint32_t>(grid.scale[group]) << 28;
    for (int j = 0; j < 4; ++j) word |= (grid.signs[4 * group + j] & 127U) << (7 * j);
    std::memcpy(block + 66 + 4 * group, &word, sizeof word);
  }
  for (int j = 0; j < 64; ++j) as_bytes(block + 2)[j] = static_cast<std::uint8_t>(grid.entry[j]);
}

GridDigits make_digits() { return {kIq3XxsGrid, 2}; }

constexpr GridRule kRule = {.group_values = 32,
                            .step = 0.2F,
                            .steps = 15,
                            .least = 1e-8F,
                            .variance = 2,
                            .plain_share = 0,
                            .factor = 1.0125F,
                            .has_seven_signs = true,
                            .starts_fitted = false,
                            .refit = GridRule::Refit::off_grid};

}  // namespace

extern constinit const Type iq3_xxs =
    quantized_type<take_apart, 256, 98>(18, "IQ3_XXS", encode_grid_blocks<make_digits, put_together, kRule, 98>);

}  // namespace assay::quant
