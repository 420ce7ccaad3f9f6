// The floors: what a token reads and multiplies, counted by hand for the small model.
#include "model/cost.h"

#include <gtest/gtest.h>

#include "tests/support/tiny_model.h"

namespace assay::model {
namespace {

using test::LoadedModel;
using test::TinyModel;

// Two blocks, 24 wide, 4 heads of 6, 2 of keys and values, feed-forward 40, 50 tokens.
constexpr std::uint64_t kBlock = 24 * 24 + 2 * 12 * 24 + 24 * 24 + 3 * 24 * 40;
constexpr std::uint64_t kHead = 24 * 50;
constexpr std::uint64_t kFloatBytes = 4;

TEST(Cost, OfFloatWeights) {
  const LoadedModel loaded(TinyModel{});
  const TokenCost first = token_cost(loaded->plan, 0, true);
  EXPECT_EQ(first.weight_bytes, kFloatBytes * (2 * (kBlock + 2 * 24) + 24 + kHead + 24));
  EXPECT_EQ(first.cache_values, 2U * 2 * 12);
  EXPECT_EQ(first.quantized_products, 0U);
  EXPECT_EQ(first.float_products, 2 * kBlock + kHead + 2U * 2 * 24);
}

TEST(Cost, GrowsWithThePositionsSeen) {
  const LoadedModel loaded(TinyModel{});
  const TokenCost first = token_cost(loaded->plan, 0, true);
  const TokenCost tenth = token_cost(loaded->plan, 9, true);
  EXPECT_EQ(tenth.weight_bytes, first.weight_bytes);
  EXPECT_EQ(tenth.cache_values, 10 * first.cache_values);
  EXPECT_EQ(tenth.float_products, first.float_products + 9U * 2 * 2 * 24);
}

TEST(Cost, WithoutLogitsTheOutputMatrixIsLeftAlone) {
  const LoadedModel loaded(TinyModel{});
  const TokenCost with = token_cost(loaded->plan, 0, true);
  const TokenCost without = token_cost(loaded->plan, 0, false);
  EXPECT_LE(without.float_products, with.float_products - kHead);
  EXPECT_LE(without.weight_bytes, with.weight_bytes - kFloatBytes * kHead);
}

TEST(Cost, AWindowBoundsWhatIsSeen) {
  TinyModel tiny;
  tiny.become("gemma2");  // one of its two blocks sees 3 positions
  const LoadedModel loaded(tiny);
  EXPECT_EQ(token_cost(loaded->plan, 9, true).cache_values, (10U + 3) * 2 * 12);
}

TEST(Cost, OfExpertsOnlyTheUsedOnesCount) {
  TinyModel tiny;
  tiny.add_experts();
  const LoadedModel loaded(tiny);
  constexpr std::uint64_t kAttention = 24 * 24 + 2 * 12 * 24 + 24 * 24;
  constexpr std::uint64_t kUsed = 24 * 5 + 2 * 3 * 24 * 16;  // the router, two of five experts
  const TokenCost first = token_cost(loaded->plan, 0, true);
  EXPECT_EQ(first.weight_bytes, kFloatBytes * (2 * (kAttention + kUsed + 2 * 24) + 24 + kHead + 24));
  EXPECT_EQ(first.float_products, 2 * (kAttention + kUsed) + kHead + 2U * 2 * 24);
}

TEST(Cost, QuantizedWeightsAreCountedApart) {
  TinyModel tiny;
  tiny.keys["llama.feed_forward_length"] = 32U;
  for (const std::string& blk : {std::string("blk.0."), std::string("blk.1.")}) {
    tiny.add(blk + "ffn_gate.weight", {24, 32}, 0.4F);
    tiny.add(blk + "ffn_up.weight", {24, 32}, 0.4F);
    tiny.add(blk + "ffn_down.weight", {32, 24}, 0.4F);
  }
  const LoadedModel floats(tiny);
  tiny.tensors["blk.1.ffn_down.weight"].type = "Q8_0";
  const LoadedModel mixed(tiny);
  const TokenCost before = token_cost(floats->plan, 5, true);
  const TokenCost after = token_cost(mixed->plan, 5, true);
  EXPECT_EQ(before.quantized_products, 0U);
  EXPECT_EQ(after.quantized_products, 32U * 24);
  EXPECT_EQ(after.float_products, before.float_products - 32U * 24);
  EXPECT_EQ(after.weight_bytes, before.weight_bytes - 24U * (32 * kFloatBytes - 34));
}

}  // namespace
}  // namespace assay::model
