// Every sentence of the verdict, from drift made by hand.
#include "compare/verdict.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace assay::compare {
namespace {

using Sentences = std::vector<std::string>;

TapDrift tap(std::string name, int layer, double relative_error, double introduced, std::string weight = "") {
  TapDrift drift;
  drift.tap = std::move(name);
  drift.layer = layer;
  drift.relative_error = relative_error;
  drift.introduced = introduced;
  drift.weight = std::move(weight);
  drift.weight_type = drift.weight.empty() ? "" : "Q4_0";
  return drift;
}

/// Layers whose outputs have these errors, each introduced by a matrix "q"; the logits have the last one's.
std::vector<TapDrift> layers(const std::vector<double>& errors) {
  std::vector<TapDrift> taps;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const std::string layer = "blk." + std::to_string(i);
    const int number = static_cast<int>(i);
    taps.push_back(tap(layer + ".q", number, errors[i], 0.01, layer + ".attn_q.weight"));
    taps.push_back(tap(layer + ".out", number, errors[i], 0));
  }
  taps.push_back(tap("logits", -1, errors.back(), 0));
  return taps;
}

/// The sentence behind the one on what introduces most.
std::string course(const std::vector<double>& errors) { return verdict(layers(errors), {}, {}).at(1); }

TEST(Verdict, NothingToSayOfNothing) { EXPECT_EQ(verdict({}, {}, {"blk.0.q_rope: other pairs"}), Sentences{}); }

TEST(Verdict, NoError) {
  EXPECT_EQ(verdict({tap("embed", -1, 0, 0), tap("logits", -1, 0, 0)}, {}, {}),
            Sentences{"No step introduces an error: the candidate computes the reference's values."});
}

TEST(Verdict, ParametersComeFirst) {
  const std::vector<TapDrift> taps = {tap("logits", -1, 0, 0)};
  EXPECT_EQ(verdict(taps, {}, {"blk.0.q_rope: other rotary pairs"}).front(),
            "The files disagree beyond their tensors: blk.0.q_rope: other rotary pairs.");
  EXPECT_EQ(verdict(taps, {}, {"a: b", "c: d", "e: f"}).front(),
            "The files disagree beyond their tensors: a: b (and at 2 more steps).");
}

TEST(Verdict, ValuesThatAreNotFiniteEndIt) {
  std::vector<TapDrift> taps = layers({0.01, 0.02});
  taps[2].relative_error = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(verdict(taps, {}, {}), Sentences{"Values are not finite from blk.1.q (blk.1.attn_q.weight, Q4_0) on: a "
                                             "fault, not a matter of precision."});
}

TEST(Verdict, OneSource) {
  const Sentences said = verdict(
      {tap("embed", -1, 0.25, 0.25, "token_embd.weight"), tap("blk.0.out", 0, 0.25, 0), tap("logits", -1, 0.125, 0)},
      {}, {});
  EXPECT_EQ(said, (Sentences{"The largest error is introduced at embed (token_embd.weight, Q4_0): 25 %; no other step "
                             "introduces any.",
                             "At logits the error is 12 % (cosine 1.000000)."}));
}

TEST(Verdict, SourcesOutsideTheLayersOnly) {
  const Sentences said = verdict({tap("embed", -1, 0.02, 0.02, "token_embd.weight"), tap("blk.0.out", 0, 0.02, 0),
                                  tap("logits", -1, 0.05, 0.04, "output.weight")},
                                 {}, {});
  EXPECT_EQ(said.front(),
            "The largest error is introduced at logits (output.weight, Q4_0): 4 %; the layers introduce none.");
}

TEST(Verdict, KindsOfStepAreJoinedOverLayers) {
  std::vector<TapDrift> taps = layers({0.1, 0.1});
  taps[0].introduced = 0.03;
  taps[2].introduced = 0.04;  // root mean square 0.0354
  taps.insert(taps.begin() + 1, tap("blk.0.v", 0, 0.1, 0.02));
  taps.insert(taps.begin() + 1, tap("blk.0.k", 0, 0.1, 0.005));
  taps.insert(taps.begin() + 1, tap("blk.0.up", 0, 0.1, 0.006));
  EXPECT_EQ(verdict(taps, {}, {}).front(),
            "The largest error is introduced at blk.1.q (blk.1.attn_q.weight, Q4_0): 4 %; over the layers most comes "
            "from q 3.5 %, v 2 %, up 0.6 %.");
}

TEST(Verdict, ErrorAsLargeAsTheValues) {
  EXPECT_EQ(course({0.1, 1.5, 2}),
            "From blk.1.q (blk.1.attn_q.weight, Q4_0) on the error is as large as the values: the candidate computes "
            "something else.");
}

TEST(Verdict, CourseOfTheError) {
  EXPECT_EQ(course({0.02, 0.025}),
            "The error of the residual stream stays flat (2 % at blk.0, 2.5 % at blk.1): it does not accumulate.");
  EXPECT_EQ(
      course({0.01, 0.5, 0.02}),
      "The error of the residual stream peaks with 50 % at blk.1 and is washed out after it (1 % at blk.0, 2 % at "
      "blk.2).");
  EXPECT_EQ(course({0.01, 0.012, 0.015, 0.02}),
            "The error of the residual stream accumulates (1 % at blk.0, 2 % at blk.3), no faster than independent "
            "errors would (2.0-fold); half of it is there at blk.0.");
  EXPECT_EQ(course({0.01, 0.02, 0.05, 0.08}),
            "The error of the residual stream accumulates (1 % at blk.0, 8 % at blk.3), faster than independent errors "
            "would (2.0-fold); half of it is there at blk.2.");
}

TEST(Verdict, Growth) {
  EXPECT_EQ(verdict(layers({0.01, 0.01}), {10, 11, {}, {}}, {}).front(),
            "A token's rms grows 11-fold from blk.0 to blk.1, in the reference too (10-fold): that is how this model "
            "works, not an error.");
  EXPECT_EQ(
      verdict(layers({0.01, 0.01}), {2, 40, {}, {}}, {}).front(),
      "A token's rms grows 40-fold from blk.0 to blk.1 in the candidate but 2.0-fold in the reference: that is not "
      "the model's own way.");
}

TEST(Verdict, MassiveChannels) {
  MassiveChannel channel;
  channel.channel = 7;
  channel.position = 0;
  channel.value = -3000;
  channel.candidate = -2900;
  channel.median = 0.5;
  channel.first_tap = "blk.1.out";
  channel.last_tap = "blk.3.out";
  EXPECT_EQ(verdict(layers({0.01, 0.01}), {0, 0, {channel}, {}}, {}).front(),
            "Channel 7 reaches -3000 at position 0 of the reference, 6000 times the median (from blk.1.out to "
            "blk.3.out): a massive activation, part of how the model works; the candidate keeps it with -2900.");
  channel.candidate = 12;
  channel.last_tap = channel.first_tap;
  EXPECT_EQ(verdict(layers({0.01, 0.01}), {0, 0, {channel}, {}}, {}).front(),
            "Channel 7 reaches -3000 at position 0 of the reference, 6000 times the median (at blk.1.out): a massive "
            "activation, part of how the model works; the candidate loses it, with 12.");
}

}  // namespace
}  // namespace assay::compare
