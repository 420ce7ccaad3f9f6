// Weights that somebody holds otherwise than the file, each made by hand from the file's values.
#include "diagnose/gates/weights.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "quant/half.h"
#include "tests/support/tiny_model.h"

namespace assay {
namespace {

using diagnose::Finding;
using diagnose::GateReport;
using Values = std::vector<float>;

/// 32 wide, 4 heads of 8, 2 key/value heads, feed-forward 256; blk.0.ffn_gate in Q4_0, blk.1.ffn_down in Q6_K.
test::TinyModel tiny() {
  test::TinyModel model;
  model.keys["llama.embedding_length"] = 32U;
  model.keys["llama.feed_forward_length"] = 256U;
  model.add("token_embd.weight", {32, 50}, 1);
  for (const std::string& blk : {std::string("blk.0."), std::string("blk.1.")}) {
    model.add(blk + "attn_norm.weight", {32}, 1);
    model.add(blk + "attn_q.weight", {32, 32}, 0.4F);
    model.add(blk + "attn_q.bias", {32}, 0.4F);
    model.add(blk + "attn_k.weight", {32, 16}, 0.4F);
    model.add(blk + "attn_k.bias", {16}, 0.4F);
    model.add(blk + "attn_v.weight", {32, 16}, 0.4F);
    model.add(blk + "attn_output.weight", {32, 32}, 0.4F);
    model.add(blk + "ffn_norm.weight", {32}, 1);
    model.add(blk + "ffn_gate.weight", {32, 256}, 0.4F);
    model.add(blk + "ffn_up.weight", {32, 256}, 0.4F);
    model.add(blk + "ffn_down.weight", {256, 32}, 0.4F);
  }
  model.add("output_norm.weight", {32}, 1);
  model.add("output.weight", {32, 50}, 0.4F);
  model.tensors["blk.0.ffn_gate.weight"].type = "Q4_0";
  model.tensors["blk.1.ffn_down.weight"].type = "Q6_K";
  return model;
}

class Weights : public testing::Test {
 protected:
  const gguf::Tensor& tensor(const std::string& name) const { return *model_->file.find_tensor(name); }
  std::size_t inputs(const std::string& name) const { return tensor(name).row_values(); }
  std::size_t outputs(const std::string& name) const { return tensor(name).rows(); }

  Values right(const std::string& name) const {
    const gguf::Tensor& own = tensor(name);
    Values values(own.values());
    own.type->decode(own.data.data(), values.size() / own.type->block_values, values.data());
    return values;
  }
  Values transposed(const std::string& name) const {
    const Values own = right(name);
    Values values;
    for (std::size_t i = 0; i < inputs(name); ++i) {
      for (std::size_t o = 0; o < outputs(name); ++o) values.push_back(own[o * inputs(name) + i]);
    }
    return values;
  }
  /// Row i of each half of a head of `width` is ours 2i and 2i + 1, for rows of `length`.
  static Values halves(const Values& own, std::size_t width, std::size_t length) {
    Values values(own.size());
    for (std::size_t head = 0; head * width * length < own.size(); ++head) {
      for (std::size_t i = 0; i < width; ++i) {
        const std::size_t from = head * width + i;
        const std::size_t to = head * width + i / 2 + i % 2 * (width / 2);
        std::copy_n(own.begin() + static_cast<std::ptrdiff_t>(from * length), length,
                    values.begin() + static_cast<std::ptrdiff_t>(to * length));
      }
    }
    return values;
  }

  trace::ForeignWeight& add(const std::string& name, const Values& values, std::vector<std::uint64_t> shape) {
    auto kept = std::make_shared<Values>(values);
    trace::Array array{name, gguf::Dtype::f32, std::move(shape), false, std::as_bytes(std::span(*kept)), kept};
    trace_.weights.push_back({name, name, std::move(array)});
    return trace_.weights.back();
  }
  trace::ForeignWeight& add(const std::string& name, const Values& values) {
    return add(name, values, {outputs(name), inputs(name)});
  }
  GateReport check() {
    GateReport report = diagnose::check_weights(*model_, trace_, 1);
    trace_.weights.clear();
    return report;
  }
  /// "weight_transposed blk.0.attn_k.weight"
  std::string said() {
    const GateReport report = check();
    std::string all;
    for (const Finding& finding : report.findings) {
      EXPECT_EQ(finding.operation, "weights");
      EXPECT_FALSE(finding.claim.empty() || finding.remedy.empty()) << finding.fault;
      all += finding.fault;
      for (const diagnose::Parameter& parameter : finding.parameters) all += " " + parameter.value;
      for (const std::string& tap : finding.taps) all += " " + tap;
      all += "; ";
    }
    return all;
  }

  test::LoadedModel model_{tiny()};
  trace::ForeignTrace trace_;
};

TEST_F(Weights, TheFilesOwnAreRight) {
  for (const gguf::Tensor& own : model_->file.tensors()) {
    const std::string name(own.name);
    add(name, right(name));
  }
  const GateReport report = check();
  EXPECT_TRUE(report.findings.empty());
  EXPECT_TRUE(report.notes.empty());
}

TEST_F(Weights, RoundingIsNoFault) {
  for (const gguf::Dtype dtype : {gguf::Dtype::f16, gguf::Dtype::bf16}) {
    const Values own = right("blk.0.attn_v.weight");
    auto kept = std::make_shared<std::vector<std::uint16_t>>();
    for (const float value : own) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      // bfloat16 by truncation, as some do.
      kept->push_back(dtype == gguf::Dtype::f16 ? quant::float_to_half(value) : static_cast<std::uint16_t>(bits >> 16));
    }
    trace_.weights.push_back(
        {"blk.0.attn_v.weight", "v", {"v", dtype, {16, 32}, false, std::as_bytes(std::span(*kept)), kept}});
    const GateReport report = check();
    EXPECT_TRUE(report.findings.empty());
    EXPECT_TRUE(report.notes.empty());
  }
  // Stored in four bits once more: other values, but the same matrix.
  Values coarse = right("blk.0.attn_v.weight");
  for (float& value : coarse) value = std::round(value * 8) / 8;
  add("blk.0.attn_v.weight", coarse);
  const GateReport report = check();
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.notes.size(), 1U);
}

TEST_F(Weights, InputsFirstIsLegal) {
  add("blk.0.attn_k.weight", transposed("blk.0.attn_k.weight"), {32, 16});
  add("blk.0.attn_output.weight", transposed("blk.0.attn_output.weight"), {32, 32});
  add("blk.0.ffn_norm.weight", right("blk.0.ffn_norm.weight"), {32, 1});
  GateReport report = check();
  EXPECT_TRUE(report.findings.empty());
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("blk.0.attn_k.weight, blk.0.attn_output.weight"), std::string::npos);
  // Heads may be an axis, and Fortran's order is the same array.
  add("blk.0.attn_v.weight", right("blk.0.attn_v.weight"), {2, 8, 32});
  add("blk.0.attn_k.weight", transposed("blk.0.attn_k.weight"), {16, 32}).array.fortran_order = true;
  report = check();
  EXPECT_TRUE(report.findings.empty());
  EXPECT_TRUE(report.notes.empty());
}

TEST_F(Weights, Transposed) {
  add("blk.0.attn_k.weight", transposed("blk.0.attn_k.weight"));
  EXPECT_EQ(said(), "weight_transposed inputs_first blk.0.attn_k.weight; ");
  add("blk.0.attn_k.weight", right("blk.0.attn_k.weight"), {32, 16});
  EXPECT_EQ(said(), "weight_transposed renamed blk.0.attn_k.weight; ");
  // A square says it only beside others.
  add("blk.0.attn_output.weight", transposed("blk.0.attn_output.weight"));
  add("token_embd.weight", right("token_embd.weight"));
  EXPECT_EQ(said(), "");
  add("blk.0.attn_output.weight", transposed("blk.0.attn_output.weight"));
  add("blk.0.attn_v.weight", right("blk.0.attn_v.weight"));
  EXPECT_EQ(said(), "weight_transposed inputs_first blk.0.attn_output.weight; ");

  // W'[o][i] = flat[i * outputs + o], in all layers.
  for (const std::string& name : {std::string("blk.0.ffn_up.weight"), std::string("blk.1.ffn_up.weight")}) {
    const Values own = right(name);
    Values scrambled;
    for (std::size_t o = 0; o < 256; ++o) {
      for (std::size_t i = 0; i < 32; ++i) scrambled.push_back(own[i * 256 + o]);
    }
    add(name, scrambled);
  }
  EXPECT_EQ(said(), "weight_transposed scrambled blk.0.ffn_up.weight blk.1.ffn_up.weight; ");
}

TEST_F(Weights, RowsOfQAndKInTheOtherOrder) {
  add("blk.0.attn_q.weight", halves(right("blk.0.attn_q.weight"), 8, 32));
  add("blk.0.attn_k.weight", halves(right("blk.0.attn_k.weight"), 8, 32));
  add("blk.0.attn_q.bias", halves(right("blk.0.attn_q.bias"), 8, 1), {32});
  const GateReport report = check();
  EXPECT_TRUE(report.findings.empty());
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("Hugging Face"), std::string::npos);
  // Only one of the two.
  add("blk.0.attn_q.weight", halves(right("blk.0.attn_q.weight"), 8, 32));
  add("blk.0.attn_k.weight", right("blk.0.attn_k.weight"));
  EXPECT_EQ(said(), "qk_permutation to_halves own blk.0.attn_q.weight; ");
  // K with the number of query heads.
  add("blk.0.attn_k.weight", halves(right("blk.0.attn_k.weight"), 4, 32));
  EXPECT_EQ(said(), "qk_permutation to_halves n_head blk.0.attn_k.weight; ");
  add("blk.0.attn_k.bias", halves(right("blk.0.attn_k.bias"), 4, 1), {16});
  EXPECT_EQ(said(), "qk_permutation to_halves n_head blk.0.attn_k.bias; ");
}

TEST_F(Weights, ScaledShiftedExchanged) {
  Values scaled = right("token_embd.weight");
  for (float& value : scaled) value *= std::sqrt(32.0F);
  add("token_embd.weight", scaled);
  EXPECT_EQ(said(), "scale sqrt(n_embd) token_embd.weight; ");
  Values shifted = right("blk.0.attn_norm.weight");
  for (float& value : shifted) value += 1;
  add("blk.0.attn_norm.weight", shifted, {32});
  EXPECT_EQ(said(), "norm_weight_offset +1 blk.0.attn_norm.weight; ");
  add("blk.0.ffn_up.weight", right("blk.0.ffn_gate.weight"));
  EXPECT_EQ(said(), "wrong_tensor blk.0.ffn_gate.weight blk.0.ffn_up.weight; ");
  add("output_norm.weight", right("blk.1.ffn_norm.weight"), {32});
  EXPECT_EQ(said(), "wrong_tensor blk.1.ffn_norm.weight output_norm.weight; ");
}

TEST(ScaledWeights, FactorsBesideATensorAreItsOwn) {
  test::TinyModel scaled = tiny();
  for (const char* name : {"blk.0.ffn_gate.scale", "blk.0.ffn_down.scale"}) {
    scaled.add(name, {1}, 1);
    scaled.tensors[name].values = {0.25F};
  }
  const test::LoadedModel model(scaled);
  const auto said = [&](const std::string& name, float factor) {
    const gguf::Tensor& own = *model->file.find_tensor(name);
    Values values(own.values());
    own.type->decode(own.data.data(), values.size() / own.type->block_values, values.data());
    for (float& value : values) value *= factor;
    trace::ForeignTrace trace;
    trace::Array array;
    array.dtype = gguf::Dtype::f32;
    array.shape = {own.rows(), own.row_values()};
    array.data = std::as_bytes(std::span(values));
    trace.weights.push_back({name, name, array});
    std::string text;
    for (const Finding& finding : diagnose::check_weights(*model, trace, 1).findings) {
      text += finding.fault + " " + finding.parameters[0].value;
    }
    return text;
  };
  for (const char* name : {"blk.0.ffn_gate.weight", "blk.0.ffn_down.weight"}) {
    EXPECT_EQ(said(name, 0.25F), "");
    EXPECT_EQ(said(name, 1), "");
    EXPECT_EQ(said(name, 0.125F), "scale 0.5");
  }
}

TEST(NormWeights, OfOtherLayersAreNamedHoweverNear) {
  // As in real models: the norms of neighbouring layers differ by a tenth.
  test::TinyModel tiny;
  const std::vector<float> first = tiny.tensors["blk.0.ffn_norm.weight"].values;
  for (const auto& [name, factor] :
       {std::pair("blk.1.ffn_norm.weight", 0.1F), std::pair("output_norm.weight", 0.15F)}) {
    std::vector<float>& values = tiny.tensors[name].values;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = first[i] * (1 + (i % 2 == 0 ? factor : -factor));
  }
  const test::LoadedModel model(tiny);
  const auto names = {"blk.0.ffn_norm.weight", "blk.1.ffn_norm.weight", "output_norm.weight"};
  for (const std::string theirs : names) {
    for (const std::string held : {"blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "blk.1.ffn_norm.weight"}) {
      if (theirs == held) continue;
      const Values& values = tiny.tensors[theirs].values;
      trace::ForeignTrace trace;
      trace.weights.push_back(
          {held, held, {held, gguf::Dtype::f32, {values.size()}, false, std::as_bytes(std::span(values)), nullptr}});
      const GateReport report = diagnose::check_weights(*model, trace, 1);
      ASSERT_EQ(report.findings.size(), 1U) << held << " holds " << theirs;
      EXPECT_EQ(report.findings[0].parameters[0].value, theirs);
    }
  }
}

TEST(NormWeights, OfGemmaMayLackTheirOne) {
  test::TinyModel tiny;
  tiny.become("gemma2");
  const test::LoadedModel model(tiny);
  for (const auto& [offset, findings] : {std::pair(-1.0F, 0U), std::pair(1.0F, 1U)}) {
    Values values = tiny.tensors["blk.0.ffn_norm.weight"].values;
    for (float& value : values) value += offset;
    trace::ForeignTrace trace;
    trace.weights.push_back({"blk.0.ffn_norm.weight",
                             "norm",
                             {"norm", gguf::Dtype::f32, {24}, false, std::as_bytes(std::span(values)), nullptr}});
    const GateReport report = diagnose::check_weights(*model, trace, 1);
    EXPECT_EQ(report.findings.size(), findings);
    EXPECT_EQ(report.notes.size(), 1 - findings);
  }
}

TEST_F(Weights, MisreadBlocks) {
  // Q4_0: d, then 16 bytes whose low nibbles are values 0 to 15; here taken as values 0, 2, 4, ...
  const gguf::Tensor& own = tensor("blk.0.ffn_gate.weight");
  Values interleaved;
  for (std::size_t block = 0; block < own.data.size() / 18; ++block) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(own.data.data()) + block * 18;
    const float d = quant::half_to_float(static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8));
    for (std::size_t i = 0; i < 32; ++i) {
      const int nibble = i % 2 == 0 ? bytes[2 + i / 2] & 15 : bytes[2 + i / 2] >> 4;
      interleaved.push_back(d * static_cast<float>(nibble - 8));
    }
  }
  add("blk.0.ffn_gate.weight", interleaved);
  EXPECT_EQ(said(), "legacy_nibble_order interleaved blk.0.ffn_gate.weight; ");
  // The same in [inputs, outputs].
  Values columns;
  for (std::size_t i = 0; i < 32; ++i) {
    for (std::size_t o = 0; o < 256; ++o) columns.push_back(interleaved[o * 32 + i]);
  }
  add("blk.0.ffn_gate.weight", columns, {32, 256});
  EXPECT_EQ(said(), "legacy_nibble_order interleaved blk.0.ffn_gate.weight; ");
}

TEST_F(Weights, WhatNobodyKnowsHasAPattern) {
  Values zeros = right("blk.1.ffn_down.weight");
  for (std::size_t i = 0; i < zeros.size(); ++i) {
    if (i % 64 >= 16) zeros[i] = 0;
  }
  add("blk.1.ffn_down.weight", zeros);
  GateReport report = check();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].fault, "unknown");
  EXPECT_NE(report.findings[0].fingerprint.find(" % of the values are zero, "), std::string::npos);
  EXPECT_NE(report.findings[0].fingerprint.find("values 0 to 15 of every 64 are right"), std::string::npos)
      << report.findings[0].fingerprint;

  // Every run of 16 with another factor and another offset.
  Values affine = right("blk.0.ffn_down.weight");
  for (std::size_t i = 0; i < affine.size(); ++i) {
    const auto run = static_cast<float>(i / 16 % 7);
    affine[i] = affine[i] * (1 + run) + 2 * run;
  }
  add("blk.0.ffn_down.weight", affine);
  report = check();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_NE(report.findings[0].fingerprint.find("every 16 values have a factor and an offset"), std::string::npos)
      << report.findings[0].fingerprint;

  Values reversed = right("blk.0.ffn_down.weight");
  for (std::size_t i = 0; i < reversed.size(); i += 32) std::reverse(&reversed[i], &reversed[i] + 32);
  add("blk.0.ffn_down.weight", reversed);
  report = check();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_NE(report.findings[0].fingerprint.find("every 32 values are the right ones in another order"),
            std::string::npos)
      << report.findings[0].fingerprint;
}

TEST_F(Weights, DamageThatSamplesMayMiss) {
  Values damaged = right("blk.0.ffn_up.weight");
  for (std::size_t i = 0; i < 32; ++i) damaged[101 * 32 + i] = 3;
  add("blk.0.ffn_up.weight", damaged);
  GateReport report = check();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].fingerprint, "1 of 256 rows, the first is 101");
  damaged = right("blk.0.ffn_up.weight");
  damaged[7] = std::nanf("");
  add("blk.0.ffn_up.weight", damaged);
  report = check();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].fingerprint, "1 values that are not finite");
}

TEST_F(Weights, WhatIsUsedRightlyIsNoMistake) {
  const model::Plan& plan = model_->plan;
  std::vector<diagnose::StepReport> steps(plan.steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps[i].step = i;
    steps[i].tap = plan.values[static_cast<std::size_t>(plan.steps[i].output)].tap;
    steps[i].outcome = diagnose::StepReport::Outcome::healthy;
  }
  std::find_if(steps.begin(), steps.end(), [](const auto& step) { return step.tap == "blk.1.k"; })->outcome =
      diagnose::StepReport::Outcome::fault;
  for (const char* name : {"blk.0.attn_k.weight", "blk.1.attn_k.weight", "blk.0.ffn_norm.weight"}) {
    Values doubled = right(name);
    for (float& value : doubled) value *= 2;
    add(name, doubled);
  }
  GateReport report = check();
  ASSERT_EQ(report.findings.size(), 1U);
  ASSERT_EQ(report.findings[0].taps.size(), 3U);
  diagnose::acquit_weights(plan, steps, report.findings, report.notes);
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].taps, std::vector<std::string>{"blk.1.attn_k.weight"});
  EXPECT_EQ(report.notes.size(), 1U);
}

TEST_F(Weights, WhatCannotBeComparedIsSaid) {
  add("blk.0.ffn_up.weight", Values(33 * 256), {256, 33});
  add("blk.0.ffn_down.weight", right("blk.0.ffn_down.weight")).array.dtype = gguf::Dtype::i32;
  add("blk.7.attn_q.weight", Values(9), {3, 3});
  const GateReport report = check();
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.notes.size(), 3U);
}

}  // namespace
}  // namespace assay
