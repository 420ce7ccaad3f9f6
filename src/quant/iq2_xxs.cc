// IQ2_XXS: 256 values in 66 bytes, 2.0625 bits a value. 8 groups of 32 values.
//
//   0  f16  d
//   2  8 bytes for each group g: four entries of the codebook, a byte each, then a word of 32 bits: bits 7j to 7j + 6
//      are the signs of entry j in seven bits, bits 28-31 scale g
//
//   value = d / 8 * (2 * scale + 1) * codebook value (8, 25 or 43) * sign
#include "quant/grid_block.h"

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

}  // namespace

extern constinit const Type iq2_xxs = quantized_type<take_apart, 256, 66>(16, "IQ2_XXS", nullptr);

}  // namespace assay::quant
