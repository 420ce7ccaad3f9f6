// How the text of a precision policy is read, and who refuses one. What the arithmetics compute is judged in Python.
#include <functional>

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/engine.h"
#include "tests/support/tiny_model.h"

namespace assay::engine {
namespace {

class PrecisionTest : public testing::Test {
 protected:
  /// By tap.
  std::map<std::string, Arithmetic> resolve(const std::string& text) const {
    const auto arithmetics = PrecisionPolicy::parse(text).resolve(model_->plan);
    std::map<std::string, Arithmetic> by_tap;
    for (std::size_t i = 0; i < arithmetics.size(); ++i) {
      const auto output = static_cast<std::size_t>(model_->plan.steps[i].output);
      by_tap[model_->plan.values[output].tap] = arithmetics[i];
    }
    return by_tap;
  }

  /// "message | hint"
  static std::string refusal(const std::function<void()>& attempt) {
    try {
      attempt();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return std::string(error.what()) + " | " + error.hint();
    }
    return "";
  }
  std::string refusal(const std::string& text) const {
    return refusal([&] { resolve(text); });
  }

  test::LoadedModel model_{test::TinyModel{}};
};

TEST_F(PrecisionTest, NoPolicyIsExact) {
  const PrecisionPolicy policy;
  EXPECT_TRUE(policy.is_exact());
  EXPECT_EQ(policy.text(), "f64");
  EXPECT_EQ(policy.resolve(model_->plan), std::vector<Arithmetic>(model_->plan.steps.size(), Arithmetic::f64));
}

TEST_F(PrecisionTest, TheLastPatternThatNamesAStepDecides) {
  auto chosen = resolve("linear=q8,default=f32,blk.?.q=f64,*.ffn_out=bf16,attention=f16acc");
  EXPECT_EQ(chosen["blk.0.k"], Arithmetic::q8);
  EXPECT_EQ(chosen["blk.1.q"], Arithmetic::f64);
  EXPECT_EQ(chosen["blk.1.ffn_out"], Arithmetic::bf16);
  EXPECT_EQ(chosen["blk.0.attn"], Arithmetic::f16acc);
  EXPECT_EQ(chosen["logits"], Arithmetic::q8);
  for (const char* other : {"embed", "blk.0.attn_norm", "blk.1.q_rope", "blk.0.ffn_act", "blk.1.out", "final_norm"})
    EXPECT_EQ(chosen[other], Arithmetic::f32) << other;
  chosen = resolve("*.q=f64,linear=f16");
  EXPECT_EQ(chosen["blk.1.q"], Arithmetic::f16);
  EXPECT_EQ(chosen["embed"], Arithmetic::f64);
}

TEST_F(PrecisionTest, WhatCannotBeReadIsQuoted) {
  const std::string form = " is not of the form PATTERN=ARITHMETIC | For example attention=f64,*.q=f64,default=f32.";
  EXPECT_EQ(refusal("f32"), "precision: 'f32'" + form);
  EXPECT_EQ(refusal(""), "precision: ''" + form);
  EXPECT_EQ(refusal("=f32"), "precision: '=f32'" + form);
  EXPECT_EQ(refusal("default=f32,"), "precision: ''" + form);
  EXPECT_EQ(refusal("default=f32,,linear=q8"), "precision: ''" + form);
  EXPECT_EQ(refusal("default=f33"), "precision: 'f33' is no arithmetic | Known: f64, f32, f16, bf16, f16acc, q8.");
  EXPECT_EQ(refusal("default="), "precision: '' is no arithmetic | Known: f64, f32, f16, bf16, f16acc, q8.");
}

TEST_F(PrecisionTest, APatternThatMatchesNothingNamesItsNeighbours) {
  EXPECT_EQ(refusal("default=f32,atention=f16"),
            "precision: 'atention' matches no tap and no operation of this model | Near it: attention, embed, linear.");
  EXPECT_NE(refusal("blk.2.q=f16").find("Near it: blk.0.q, blk.1.q"), std::string::npos);
  EXPECT_NE(refusal("*.ffn_down=f16").find("ffn_"), std::string::npos);
  EngineOptions options;
  options.precision = PrecisionPolicy::parse("norm=f16");
  EXPECT_NE(refusal([&] { make_oracle(model_->plan, options); }).find("'norm' matches no tap"), std::string::npos);
}

TEST_F(PrecisionTest, OnlyTheOracleTakesOne) {
  EngineOptions options;
  options.precision = PrecisionPolicy::parse("default=f32");
  EXPECT_EQ(refusal([&] { make_fast(model_->plan, options); }),
            "precision 'default=f32': the fast engine has one arithmetic | Precision policies are for the oracle: "
            "--engine oracle.");
  options.threads = 2;
  EXPECT_EQ(make_oracle(model_->plan, options)->description(), "oracle default=f32, 2 threads");
}

}  // namespace
}  // namespace assay::engine
