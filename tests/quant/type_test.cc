#include "quant/type.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "quant/half.h"

namespace assay::quant {
namespace {

TEST(TypeList, IsInOrderOfIdWithoutRepetition) {
  for (std::size_t i = 1; i < all_types().size(); ++i) EXPECT_LT(all_types()[i - 1]->id, all_types()[i]->id);
}

TEST(TypeList, BlocksFitTheirIntegers) {
  for (const Type* type : all_types()) {
    EXPECT_LE(type->block_values, static_cast<std::uint32_t>(kMaxBlockValues)) << type->name;
    EXPECT_EQ(type->take_apart != nullptr, type->is_decodable() && type->is_quantized()) << type->name;
  }
}

TEST(TypeList, FindsByIdAndByNameInAnyCase) {
  for (const Type* type : all_types()) {
    EXPECT_EQ(find_type(type->id), type);
    EXPECT_EQ(find_type(type->name), type);
  }
  EXPECT_EQ(find_type("q4_k"), find_type(12));
  EXPECT_EQ(find_type(4), nullptr);  // withdrawn from the format
  EXPECT_EQ(find_type(std::numeric_limits<std::uint32_t>::max()), nullptr);
  EXPECT_EQ(find_type("Q4"), nullptr);
  EXPECT_EQ(find_type(""), nullptr);
}

TEST(TypeList, BitsPerValue) {
  EXPECT_EQ(find_type("F16")->bits_per_value(), 16);
  EXPECT_EQ(find_type("Q4_K")->bits_per_value(), 4.5);
  EXPECT_EQ(find_type("Q6_K")->bits_per_value(), 6.5625);
}

// Zero bytes decode to zeros in every type; bytes of ones are a NaN, or have a NaN for their scale, but in integers and
// in NVFP4, which has none.
TEST(FindNonFiniteBlock, FindsTheFirstOne) {
  constexpr std::size_t kBlocks = 1000;
  for (const Type* type : all_types()) {
    const bool is_integer = !type->is_quantized() && type->name.starts_with('I');
    if (!type->is_decodable() || is_integer || type->name == "NVFP4") continue;
    std::vector<std::byte> blocks(kBlocks * type->block_bytes);
    EXPECT_EQ(find_non_finite_block(*type, blocks.data(), kBlocks), kBlocks) << type->name;
    for (const std::size_t bad :
         {std::size_t{999}, std::size_t{700}, std::size_t{256}, std::size_t{255}, std::size_t{0}}) {
      std::memset(blocks.data() + bad * type->block_bytes, 0xFF, type->block_bytes);
      EXPECT_EQ(find_non_finite_block(*type, blocks.data(), kBlocks), bad) << type->name;
      EXPECT_EQ(find_non_finite_block(*type, blocks.data(), bad), bad) << type->name;
    }
    EXPECT_EQ(find_non_finite_block(*type, nullptr, 0), 0U);
  }
}

TEST(FindNonFiniteBlock, CountsAnInfiniteScaleAndNotTheLargestFiniteOne) {
  const Type& type = *find_type("Q8_0");
  std::vector<std::byte> block(type.block_bytes, std::byte{1});
  const std::uint16_t infinity = 0x7C00;
  std::memcpy(block.data(), &infinity, sizeof infinity);
  EXPECT_EQ(find_non_finite_block(type, block.data(), 1), 0U);
  const std::uint16_t largest = 0x7BFF;
  std::memcpy(block.data(), &largest, sizeof largest);
  EXPECT_EQ(find_non_finite_block(type, block.data(), 1), 1U);
}

// Values printed by somebody who traced a Q6_K decoder by hand: quants 15, 2, -32, -4 at positions 0, 32, 64, 96.
TEST(Q6K, DecodesThePublishedValues) {
  const Type& type = *find_type("Q6_K");
  std::vector<std::byte> block(type.block_bytes);
  const std::int8_t scales[] = {16, 18, -128, 17, 7, -14, 12, -15};
  std::memcpy(block.data() + 192, scales, sizeof scales);
  const std::uint16_t d = float_to_half(0.00005072F);
  std::memcpy(block.data() + 208, &d, sizeof d);
  // Stored with a bias of 32: 47, 34, 0, 28. Lower nibbles F, 2, 0, C; upper bits 2, 2, 0, 1.
  block[0] = std::byte{0x0F};
  block[32] = std::byte{0xC2};
  block[128] = std::byte{0b01'00'10'10};

  float values[kMaxBlockValues];
  type.decode(block.data(), 1, values);
  EXPECT_NEAR(values[0], 0.012174, 5e-7);
  EXPECT_NEAR(values[32], -0.012985, 5e-7);
  EXPECT_NEAR(values[64], -0.011362, 5e-7);
  EXPECT_NEAR(values[96], -0.002435, 5e-7);

  BlockIntegers integers;
  type.take_apart(block.data(), integers);
  EXPECT_EQ(integers.group_values, 16);
  EXPECT_EQ(integers.quant[0], 15);
  EXPECT_EQ(integers.quant[32], 2);
  EXPECT_EQ(integers.quant[64], -32);
  EXPECT_EQ(integers.quant[96], -4);
  for (int group = 0; group < 8; ++group) EXPECT_EQ(integers.scale[group], scales[group]);
}

}  // namespace
}  // namespace assay::quant
