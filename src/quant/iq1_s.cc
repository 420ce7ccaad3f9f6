// IQ1_S: 256 values in 50 bytes, 1.5625 bits a value. 8 groups of 32 values.
//
//    0  f16  d
//    2  32 bytes: bits 0-7 of the numbers of entries of the codebook; entry j stands for values 8j to 8j + 7
//   34  a word of 16 bits for each group g: bits 3j to 3j + 2 are bits 8-10 of the group's entry j, bits 12-14 scale g,
//       bit 15 is set where the group lies below the codebook's values and not above them
//
//   value = d * (2 * scale + 1) * (codebook value (-1, 0 or 1) + 1/8, or - 1/8)
#include "quant/grid_block.h"
#include "quant/iq1_search.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  start_groups(load_half(block) * 0.125F, 32, integers);
  for (int group = 0; group < 8; ++group) {
    const std::uint32_t word = load_word<std::uint16_t>(block + 34 + 2 * group);
    integers.scale[group] = odd_scale(word >> 12 & 7);
    for (int j = 0; j < 4; ++j) {
      const std::uint32_t number = as_bytes(block + 2 + 4 * group)[j] | (word >> (3 * j) & 7) << 8;
      unpack_shifted_entry(kIq1Grid.entry[number], word >> 15 != 0, integers.quant + 32 * group + 8 * j);
    }
  }
}

void put_together(const Iq1Block& found, std::byte* block) {
  store_half(found.d, block);
  for (int group = 0; group < 8; ++group) {
    std::uint32_t word =
        static_cast<std::uint32_t>(found.scale[group]) << 12 | (found.is_down[4 * group] ? 0x8000U : 0U);
    for (int j = 0; j < 4; ++j) {
      const std::uint32_t entry = found.entry[4 * group + j];
      as_bytes(block + 2 + 4 * group)[j] = static_cast<std::uint8_t>(entry);
      word |= entry >> 8 << (3 * j);
    }
    const auto packed = static_cast<std::uint16_t>(word);
    std::memcpy(block + 34 + 2 * group, &packed, sizeof packed);
  }
}

}  // namespace

extern constinit const Type iq1_s =
    quantized_type<take_apart, 256, 50>(19, "IQ1_S", encode_iq1_blocks<encode_iq1_s_block, put_together, 50>);

}  // namespace assay::quant
