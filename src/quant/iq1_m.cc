// IQ1_M: 256 values in 56 bytes, 1.75 bits a value. 16 groups of 16 values.
//
//    0  32 bytes: bits 0-7 of the numbers of entries of the codebook; entry j stands for values 8j to 8j + 7
//   32  16 bytes: the nibble j % 2 (0 low, 1 high) of byte j / 2 holds bits 8-10 of entry j, and its bit 3 is set where
//       the entry's values lie below the codebook's and not above them
//   48  4 words of 16 bits: bits 3j to 3j + 2 of word w are scale 4w + j (j 0..3); bits 12-15 of word w are bits 4w to
//       4w + 3 of an f16, d
//
//   value = d * (2 * scale + 1) * (codebook value (-1, 0 or 1) + 1/8, or - 1/8)
#include "quant/grid_block.h"
#include "quant/iq1_search.h"

namespace assay::quant {
namespace {

void take_apart(const std::byte* block, BlockIntegers& integers) {
  std::uint32_t d = 0;
  std::uint32_t words[4];
  for (int w = 0; w < 4; ++w) {
    words[w] = load_word<std::uint16_t>(block + 48 + 2 * w);
    d |= words[w] >> 12 << (4 * w);
  }
  start_groups(half_to_float(static_cast<std::uint16_t>(d)) * 0.125F, 16, integers);
  for (int group = 0; group < 16; ++group) integers.scale[group] = odd_scale(words[group / 4] >> (3 * (group % 4)) & 7);
  for (int j = 0; j < 32; ++j) {
    const std::uint32_t nibble = as_bytes(block + 32)[j / 2] >> (4 * (j % 2)) & 15U;
    unpack_shifted_entry(kIq1Grid.entry[as_bytes(block)[j] | (nibble & 7) << 8], nibble >= 8, integers.quant + 8 * j);
  }
}

void put_together(const Iq1Block& found, std::byte* block) {
  for (int j = 0; j < 32; ++j) {
    const int nibble = found.entry[j] >> 8 | (found.is_down[j] ? 8 : 0);
    as_bytes(block)[j] = static_cast<std::uint8_t>(found.entry[j]);
    as_bytes(block + 32)[j / 2] |= static_cast<std::uint8_t>(nibble << (4 * (j % 2)));
  }
  const std::uint32_t d = float_to_half(found.d);
  for (int w = 0; w < 4; ++w) {
    std::uint32_t word = (d >> (4 * w) & 15) << 12;
    for (int j = 0; j < 4; ++j) word |= static_cast<std::uint32_t>(found.scale[4 * w + j]) << (3 * j);
    const auto packed = static_cast<std::uint16_t>(word);
    std::memcpy(block + 48 + 2 * w, &packed, sizeof packed);
  }
}

}  // namespace

extern constinit const Type iq1_m =
    quantized_type<take_apart, 256, 56>(29, "IQ1_M", encode_iq1_blocks<encode_iq1_m_block, put_together, 56>);

}  // namespace assay::quant
