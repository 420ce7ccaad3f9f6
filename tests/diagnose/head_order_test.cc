// Dumps of engines that keep Q and K in the other order of channels, rightly and by mistake.
#include "diagnose/gates/head_order.h"

#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/diagnose/sites.h"

namespace assay {
namespace {

using diagnose::Matrix;
using diagnose::Site;
using test::Sites;
using test::TinyModel;

constexpr std::size_t kHeadWidth = 6;

/// As Hugging Face has it: the first of each pair in the first half of the head.
Matrix halves(const Matrix& neighbours) {
  Matrix result = neighbours;
  for (std::size_t row = 0; row < result.rows; ++row) {
    for (std::size_t head = 0; head < result.width; head += kHeadWidth) {
      for (std::size_t i = 0; i < kHeadWidth / 2; ++i) {
        result.row(row)[head + i] = neighbours.row(row)[head + 2 * i];
        result.row(row)[head + kHeadWidth / 2 + i] = neighbours.row(row)[head + 2 * i + 1];
      }
    }
  }
  return result;
}

/// The other way: pairs of neighbours.
Matrix neighbours(const Matrix& halves) {
  Matrix result = halves;
  for (std::size_t row = 0; row < result.rows; ++row) {
    for (std::size_t head = 0; head < result.width; head += kHeadWidth) {
      for (std::size_t i = 0; i < kHeadWidth / 2; ++i) {
        result.row(row)[head + 2 * i] = halves.row(row)[head + i];
        result.row(row)[head + 2 * i + 1] = halves.row(row)[head + kHeadWidth / 2 + i];
      }
    }
  }
  return result;
}

TinyModel qwen3() {
  TinyModel tiny;
  tiny.become("qwen3");
  return tiny;
}

class HeadOrder : public testing::Test {
 protected:
  explicit HeadOrder(const TinyModel& tiny = {}) : sites_(tiny) {}

  /// Everything that the plan has, as an honest engine gives it.
  void SetUp() override {
    for (const model::Value& value : sites_.at(0).plan().values) set(value.tap, right(value.tap));
  }

  const Matrix& right(std::string_view tap) const { return sites_.value(sites_.at(tap).step().output); }

  void set(const std::string& name, const Matrix& matrix) {
    remove(name);
    trace::ForeignTap tap;
    tap.name = name;
    tap.channels = matrix.width;
    tap.rows.resize(matrix.rows);
    std::iota(tap.rows.begin(), tap.rows.end(), std::size_t{0});
    tap.values = matrix.values;
    trace_.taps.push_back(std::move(tap));
  }
  void remove(const std::string& name) {
    std::erase_if(trace_.taps, [&](const trace::ForeignTap& tap) { return tap.name == name; });
  }
  void keep_only(const std::set<std::string>& names) {
    std::erase_if(trace_.taps, [&](const trace::ForeignTap& tap) { return names.count(tap.name) == 0; });
  }
  void turn(const std::string& name) { set(name, halves(right(name))); }
  void turn_all() {
    for (const char* name : {"q", "k", "q_rope", "k_rope"}) {
      turn(std::string("blk.0.") + name);
      turn(std::string("blk.1.") + name);
    }
  }

  /// What the plan's rotation makes of Q or K in the other order.
  Matrix rotated_by_mistake(const std::string& rotated) const {
    const Site site = sites_.at(rotated);
    const Matrix turned = halves(site.input(0));
    const Matrix* inputs[] = {&turned};
    return site.run(site.step(), inputs);
  }
  /// What attention makes of that.
  Matrix attended_by_mistake(const std::string& block, bool k_too) const {
    const Site site = sites_.at(block + "attn");
    const Matrix q = rotated_by_mistake(block + "q_rope");
    const Matrix k = k_too ? rotated_by_mistake(block + "k_rope") : site.input(1);
    const Matrix* inputs[] = {&q, &k, &site.input(2)};
    return site.run(site.step(), inputs);
  }

  std::vector<std::string> align() {
    trace_.tokens = sites_.passage().tokens;
    trace_.prompt_tokens = sites_.passage().prompt_tokens;
    return diagnose::align_head_order(sites_.at(0).model, sites_.passage(), trace_, 1);
  }
  void expect_right(const std::string& name) const { EXPECT_EQ(trace_.find(name)->values, right(name).values) << name; }
  void expect_unchanged(const std::string& name, const Matrix& matrix) const {
    EXPECT_EQ(trace_.find(name)->values, matrix.values) << name;
  }

  Sites sites_;
  trace::ForeignTrace trace_;
};

TEST_F(HeadOrder, OursStays) {
  EXPECT_TRUE(align().empty());
  for (const model::Value& value : sites_.at(0).plan().values) expect_right(value.tap);
}

TEST_F(HeadOrder, TheOtherEverywhereIsConverted) {
  turn_all();
  const std::vector<std::string> notes = align();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("8 taps"), std::string::npos) << notes[0];
  for (const model::Value& value : sites_.at(0).plan().values) expect_right(value.tap);
}

TEST_F(HeadOrder, WhatIsKnownOfChannelsMovesToo) {
  turn_all();
  trace::ForeignTap tap = *trace_.find("blk.1.q");
  remove("blk.1.q");
  tap.facts.push_back({trace::FactKind::value, 2, 3, tap.values[2 * tap.channels + 3], 0});
  tap.values.clear();
  tap.rows.clear();
  trace_.taps.push_back(std::move(tap));
  align();
  // Channel 3 is the first of the second half: the second one of the first pair.
  const trace::Fact& fact = trace_.find("blk.1.q")->facts.at(0);
  EXPECT_EQ(fact.channel, 1U);
  EXPECT_EQ(fact.value, right("blk.1.q").row(2)[1]);
}

TEST_F(HeadOrder, ALostPermutationStays) {
  for (const bool k_too : {false, true}) {
    SetUp();
    turn("blk.0.q");
    set("blk.0.q_rope", rotated_by_mistake("blk.0.q_rope"));
    if (k_too) {
      turn("blk.0.k");
      set("blk.0.k_rope", rotated_by_mistake("blk.0.k_rope"));
    }
    set("blk.0.attn", attended_by_mistake("blk.0.", k_too));
    keep_only({"embed", "blk.0.attn_norm", "blk.0.q", "blk.0.k", "blk.0.q_rope", "blk.0.k_rope", "blk.0.attn"});
    EXPECT_EQ(align().size(), 1U);
    expect_unchanged("blk.0.q", halves(right("blk.0.q")));
    expect_unchanged("blk.0.q_rope", rotated_by_mistake("blk.0.q_rope"));
  }
}

TEST_F(HeadOrder, OnlyOneOfQAndKIsAMistake) {
  for (const char* name : {"blk.0.q", "blk.0.q_rope", "blk.1.q", "blk.1.q_rope"}) turn(name);
  EXPECT_FALSE(align().empty());
  expect_unchanged("blk.0.q", halves(right("blk.0.q")));
  expect_right("blk.0.k");
}

TEST_F(HeadOrder, AWrongRotationInTheOtherOrderIsConverted) {
  turn_all();
  for (const char* name : {"blk.0.q_rope", "blk.0.k_rope", "blk.1.q_rope", "blk.1.k_rope"}) {
    const Site site = sites_.at(name);
    model::Step slow = site.step();
    for (double& frequency : std::get<model::Rope>(slow.operation).frequencies) frequency /= 3;
    set(name, halves(site.run(slow)));
  }
  EXPECT_EQ(align().size(), 1U);
  expect_right("blk.0.q");
  EXPECT_NE(trace_.find("blk.0.q_rope")->values, right("blk.0.q_rope").values);
}

TEST_F(HeadOrder, WhatIsBehindDecidesWithoutRotatedForms) {
  turn_all();
  // The modules of Hugging Face have no rotated Q.
  keep_only({"blk.0.attn_norm", "blk.0.q", "blk.0.k", "blk.0.v", "blk.0.attn_out"});
  EXPECT_EQ(align().size(), 1U);
  expect_right("blk.0.q");
  expect_right("blk.0.k");

  for (const bool k_too : {false, true}) {
    SetUp();
    turn("blk.0.q");
    if (k_too) turn("blk.0.k");
    set("blk.0.attn", attended_by_mistake("blk.0.", k_too));
    keep_only({"blk.0.attn_norm", "blk.0.q", "blk.0.attn"});
    align();
    expect_unchanged("blk.0.q", halves(right("blk.0.q")));
  }
  // Both seen, and rotated by mistake.
  SetUp();
  turn("blk.0.q");
  turn("blk.0.k");
  set("blk.0.attn", attended_by_mistake("blk.0.", true));
  keep_only({"blk.0.attn_norm", "blk.0.q", "blk.0.k", "blk.0.attn"});
  align();
  expect_unchanged("blk.0.q", halves(right("blk.0.q")));
  expect_unchanged("blk.0.k", halves(right("blk.0.k")));
  // Only Q seen, and what is behind is right.
  SetUp();
  turn("blk.0.q");
  keep_only({"blk.0.attn_norm", "blk.0.q", "blk.0.attn_out"});
  align();
  expect_right("blk.0.q");
}

TEST_F(HeadOrder, TokensAloneSayWhatQShouldBe) {
  turn_all();
  keep_only({"blk.0.q_rope", "blk.0.k_rope"});
  EXPECT_EQ(align().size(), 1U);
  expect_right("blk.0.q_rope");
}

TEST_F(HeadOrder, ValuesLikeNeitherStay) {
  Matrix scaled = right("blk.0.q");
  for (double& value : scaled.values) value = 1 - 2 * value;
  set("blk.0.q", scaled);
  keep_only({"blk.0.attn_norm", "blk.0.q"});
  EXPECT_TRUE(align().empty());
  expect_unchanged("blk.0.q", scaled);
}

class HeadOrderOfQwen3 : public HeadOrder {
 protected:
  HeadOrderOfQwen3() : HeadOrder(qwen3()) {}
};

TEST_F(HeadOrderOfQwen3, TheValuesBeforeTheNormOfHeadsAreConvertedToo) {
  const std::set<std::string> turned = {"blk.0.q",      "blk.0.k",      "blk.0.q_norm",
                                        "blk.0.k_norm", "blk.0.q_rope", "blk.0.k_rope"};
  for (const std::string& name : turned) set(name, neighbours(right(name)));
  keep_only({"blk.0.attn_norm", "blk.0.q", "blk.0.k", "blk.0.q_norm", "blk.0.k_norm", "blk.0.q_rope", "blk.0.k_rope"});
  EXPECT_EQ(align().size(), 1U);
  for (const std::string& name : turned) expect_right(name);
}

}  // namespace
}  // namespace assay
