// Drift on plans where it is known: one tensor differs, or one number of a step, or nothing does. That the figures are
// right where everything differs is judged by numpy (depth_test.py).
#include "compare/depth.h"

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/tiny_model.h"

namespace assay::compare {
namespace {

using test::LoadedModel;
using test::TinyModel;

const std::vector<std::int32_t> kTokens = {1, 17, 42, 3, 3, 29, 8, 49, 0, 11, 25, 36, 7, 2, 44, 19, 5, 31, 23};

Depth compare(const TinyModel& reference, const TinyModel& candidate, const std::string& engine = "fast",
              std::size_t kept_bytes = std::size_t{64} << 20) {
  const LoadedModel of_reference(reference);
  const LoadedModel of_candidate(candidate);
  DepthRequest request;
  request.engine = engine;
  request.texts = {kTokens, {5, 4, 3, 2, 1}};
  request.kept_bytes = kept_bytes;
  return compare_depth(PlanPair(of_reference->plan, of_candidate->plan, "a.gguf", "b.gguf"), request);
}

TinyModel with_noise(const std::string& tensor) {
  TinyModel model;
  for (std::size_t i = 0; i < model.tensors[tensor].values.size(); ++i) {
    model.tensors[tensor].values[i] *= i % 2 == 0 ? 1.05F : 0.95F;
  }
  return model;
}

std::string refusal(const TinyModel& reference, const TinyModel& candidate) {
  try {
    compare(reference, candidate);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    return error.what();
  }
  return "";
}

class DepthTest : public testing::TestWithParam<const char*> {};

TEST_P(DepthTest, OneTensorIntroducesItsErrorAndNothingElseDoes) {
  const Depth depth = compare(TinyModel(), with_noise("blk.1.attn_v.weight"), GetParam());
  bool behind = false;
  for (const TapDrift& tap : depth.taps) {
    const bool planted = tap.tap == "blk.1.v";
    behind = behind || planted;
    if (planted) {
      EXPECT_GT(tap.introduced, 0.01);
      EXPECT_EQ(tap.weight, "blk.1.attn_v.weight");
      EXPECT_EQ(tap.weight_type, "F32");
      EXPECT_EQ(tap.operation, "linear");
      EXPECT_EQ(tap.layer, 1);
    } else {
      EXPECT_EQ(tap.introduced, 0) << tap.tap;
    }
    // Rotated q and k are computed behind v, and read it not.
    const bool reads_it = behind && !planted && tap.tap != "blk.1.q_rope" && tap.tap != "blk.1.k_rope";
    if (reads_it) {
      EXPECT_GT(tap.inherited, 1e-4) << tap.tap;
      EXPECT_EQ(tap.inherited, tap.relative_error) << tap.tap;
    } else {
      EXPECT_EQ(tap.inherited, 0) << tap.tap;
      EXPECT_EQ(tap.introduced, tap.relative_error) << tap.tap;
    }
  }
  EXPECT_TRUE(behind);
  ASSERT_GE(depth.growth.verdict.size(), 2U);
  EXPECT_NE(depth.growth.verdict[1].find("at blk.1.v (blk.1.attn_v.weight, F32)"), std::string::npos);
  EXPECT_NE(depth.growth.verdict[1].find("no other step"), std::string::npos);
}

TEST_P(DepthTest, EqualModelsDriftNowhere) {
  const Depth depth = compare(TinyModel(), TinyModel(), GetParam());
  for (const TapDrift& tap : depth.taps) {
    EXPECT_EQ(tap.relative_error, 0) << tap.tap;
    EXPECT_EQ(tap.sqnr_db, std::numeric_limits<double>::infinity());
    EXPECT_NEAR(tap.cosine, 1, 1e-12);
    EXPECT_EQ(tap.rms_reference, tap.rms_candidate);
  }
  EXPECT_EQ(depth.growth.reference, depth.growth.candidate);
  EXPECT_NE(depth.growth.verdict.back().find("No step introduces"), std::string::npos);
}

TEST_P(DepthTest, PiecesChangeNoFigure) {
  const TinyModel candidate = with_noise("blk.0.attn_k.weight");
  const Depth whole = compare(TinyModel(), candidate, GetParam());
  const Depth single = compare(TinyModel(), candidate, GetParam(), 1);
  for (std::size_t i = 0; i < whole.taps.size(); ++i) {
    EXPECT_EQ(whole.taps[i].relative_error, single.taps[i].relative_error) << whole.taps[i].tap;
    EXPECT_EQ(whole.taps[i].introduced, single.taps[i].introduced);
    EXPECT_EQ(whole.taps[i].inherited, single.taps[i].inherited);
    EXPECT_EQ(whole.taps[i].cosine, single.taps[i].cosine);
  }
  EXPECT_EQ(whole.growth.verdict, single.growth.verdict);
}

INSTANTIATE_TEST_SUITE_P(Engines, DepthTest, testing::Values("fast", "oracle"));

TEST(Depth, NumbersOfAStepThatDifferAreSaid) {
  TinyModel candidate;
  candidate.keys["llama.rope.freq_base"] = 500000.0F;
  const Depth depth = compare(TinyModel(), candidate);
  EXPECT_EQ(depth.growth.verdict.front(),
            "The files disagree beyond their tensors: blk.0.q_rope: other rotary frequencies (and at 3 more steps).");
  for (const TapDrift& tap : depth.taps) EXPECT_EQ(tap.introduced > 0, tap.operation == "rope") << tap.tap;
}

TEST(Depth, ValuesThatAreNotNumbersAreSaid) {
  TinyModel candidate;
  candidate.tensors["blk.1.attn_q.weight"].values[5] = std::numeric_limits<float>::quiet_NaN();
  const Depth depth = compare(TinyModel(), candidate);
  EXPECT_EQ(depth.growth.verdict,
            std::vector<std::string>{"Values are not finite from blk.1.q (blk.1.attn_q.weight, F32) on: a fault, not a "
                                     "matter of precision."});
}

TEST(Depth, OtherNetworksAreRefused) {
  TinyModel biased;
  biased.add("blk.1.attn_q.bias", {24}, 1);
  EXPECT_EQ(refusal(TinyModel(), biased),
            "a.gguf and b.gguf are not the same network: blk.1.q has a bias in one and none in the other");

  TinyModel wide;
  for (const std::string blk : {"blk.0.", "blk.1."}) {
    wide.keys["llama.feed_forward_length"] = 32U;
    wide.add(blk + "ffn_gate.weight", {24, 32}, 0.4F);
    wide.add(blk + "ffn_up.weight", {24, 32}, 0.4F);
    wide.add(blk + "ffn_down.weight", {32, 24}, 0.4F);
  }
  EXPECT_EQ(refusal(TinyModel(), wide),
            "a.gguf and b.gguf are not the same network: blk.0.ffn_gate has 40 channels in one and 32 in the other");

  TinyModel shallow;
  shallow.keys["llama.block_count"] = 1U;
  EXPECT_EQ(refusal(TinyModel(), shallow),
            "a.gguf and b.gguf are not the same network: a step writes blk.1.attn_norm in one and final_norm in the "
            "other");
}

/// A model whose first block writes thousands into channel 7 when it sees token 9.
TinyModel with_massive_channel() {
  TinyModel model;
  // Token 9 alone has channel 3; a gate and an up projection pick it, and down sends it to channel 7.
  for (std::size_t token = 0; token < 50; ++token) {
    model.tensors["token_embd.weight"].values[token * 24 + 3] = token == 9 ? 20 : 0;
  }
  for (const char* name : {"blk.0.attn_norm.weight", "blk.1.attn_norm.weight", "blk.0.ffn_norm.weight"}) {
    for (float& value : model.tensors[name].values) value = 1;
  }
  for (float& value : model.tensors["blk.0.attn_output.weight"].values) value = 0;
  for (const char* name : {"blk.0.ffn_gate.weight", "blk.0.ffn_up.weight"}) {
    for (std::size_t i = 0; i < 24; ++i) model.tensors[name].values[i] = i == 3 ? 5.0F : 0;
  }
  for (std::size_t out = 0; out < 24; ++out) {
    model.tensors["blk.0.ffn_down.weight"].values[out * 40] = out == 7 ? 40.0F : 0;
  }
  return model;
}

TEST(Growth, NamesMassiveChannels) {
  const LoadedModel model(with_massive_channel());
  DepthRequest request;
  request.texts = {{1, 2, 4, 9, 5, 6}, {3, 2}};
  const Depth depth = compare_depth(PlanPair(model->plan, model->plan, "a", "a"), request);
  ASSERT_EQ(depth.growth.massive_channels.size(), 1U);
  const MassiveChannel& massive = depth.growth.massive_channels[0];
  EXPECT_EQ(massive.channel, 7);
  EXPECT_EQ(massive.position, 3U);
  EXPECT_EQ(massive.first_tap, "blk.0.out");
  EXPECT_EQ(massive.last_tap, "blk.1.out");
  EXPECT_GT(massive.value, 1000 * massive.median);
  EXPECT_EQ(massive.value, massive.candidate);
}

TEST(Growth, ComparesTheCandidatesGrowthWithTheReferences) {
  TinyModel candidate;
  for (float& value : candidate.tensors["blk.1.ffn_down.weight"].values) value *= 4;
  const Depth normal = compare(TinyModel(), with_noise("output.weight"));
  EXPECT_NEAR(normal.growth.candidate, normal.growth.reference, 1e-6);
  EXPECT_NE(normal.growth.verdict[0].find("in the reference too"), std::string::npos);
  const Depth grown = compare(TinyModel(), candidate);
  EXPECT_GT(grown.growth.candidate, 1.2 * grown.growth.reference);
  EXPECT_NE(grown.growth.verdict[0].find("not the model's own way"), std::string::npos);
}

}  // namespace
}  // namespace assay::compare
