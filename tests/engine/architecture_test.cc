// The promises of the fast engine for every architecture: norms of heads, rotary halves, windows that end inside a
// piece, soft caps in the place of what they cap, rows of fused tensors.
#include "model/architectures/architecture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "kernels/kernels.h"
#include "tests/support/fast.h"
#include "tests/support/tiny_model.h"

namespace assay::engine {
namespace {

using assay::test::LoadedModel;
using assay::test::TinyModel;
using test::Recorder;
using test::same_bits;
using test::with;

const test::Tokens kTokens = {1, 7, 49, 3, 3, 20, 0, 31, 12, 44, 5};

LoadedModel load(const std::string& architecture) {
  TinyModel tiny;
  if (architecture == "mixtral") {
    tiny.add_experts();
  } else if (architecture != "llama") {
    tiny.become(architecture);
  }
  return LoadedModel(tiny);
}

std::vector<std::string> architectures() {
  std::vector<std::string> names = {"mixtral"};
  for (const model::Architecture* architecture : model::all_architectures()) names.emplace_back(architecture->name);
  return names;
}

class EveryArchitecture : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Fast, EveryArchitecture, ::testing::ValuesIn(architectures()), [](const auto& instance) {
  std::string name = instance.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST_P(EveryArchitecture, SameBitsForAnyThreadsAndPieces) {
  const LoadedModel model = load(GetParam());
  for (const CacheType cache : {CacheType::f32, CacheType::f16}) {
    const auto reference = test::evaluate(*make_fast(model->plan, with(1, cache)), kTokens, kTokens.size());
    for (const int threads : {1, 2, 3}) {
      const auto engine = make_fast(model->plan, with(threads, cache));
      for (const std::size_t piece : {1U, 2U, 5U, 11U}) {
        EXPECT_TRUE(same_bits(test::evaluate(*engine, kTokens, piece), reference))
            << threads << " threads, pieces of " << piece;
      }
    }
  }
}

/// The taps of a batch of all tokens, of which the last `outputs` want logits; the engine's logits as "engine".
std::map<std::string, std::vector<float>> taps_of(const LoadedModel& model, int threads, std::size_t outputs,
                                                  bool reads_only) {
  const auto engine = make_fast(model->plan, with(threads));
  const SequenceId sequence = engine->add_sequence();
  std::vector<TokenInput> batch;
  for (std::size_t i = 0; i < kTokens.size(); ++i) {
    batch.push_back({kTokens[i], sequence, i + outputs >= kTokens.size()});
  }
  Recorder recorder;
  recorder.reads_only = reads_only;
  engine->evaluate(batch, &recorder);
  auto taps = recorder.taps();
  taps["engine"] = test::copy(engine->logits());
  return taps;
}

TEST_P(EveryArchitecture, ObserversSeeTheSameBits) {
  const LoadedModel model = load(GetParam());
  for (const std::size_t outputs : {std::size_t{1}, std::size_t{4}}) {
    const auto reference = taps_of(model, 1, outputs, false);
    EXPECT_EQ(reference.size(), model->plan.values.size() + 1);
    for (const int threads : {1, 2, 3}) {
      for (const bool reads_only : {false, true}) {
        const auto taps = taps_of(model, threads, outputs, reads_only);
        ASSERT_EQ(taps.size(), reference.size());
        for (const auto& [tap, values] : taps) {
          EXPECT_TRUE(same_bits(values, reference.at(tap))) << tap << ", " << threads;
        }
      }
    }
  }
}

/// The values of one batch by their taps, in whatever the engine computes.
class Values final : public Observer {
 public:
  void observe(const model::Value& value, const TapRows& rows) override {
    std::vector<double>& values = taps[value.tap];
    for (std::size_t row = 0; row < rows.count; ++row) {
      for (std::size_t c = 0; c < rows.width; ++c) values.push_back(rows.rows().at(row, c));
    }
  }
  std::map<std::string, std::vector<double>> taps;
};

std::map<std::string, std::vector<double>> values_of(const model::Plan& plan, const char* engine_name,
                                                     const char* policy = nullptr) {
  EngineOptions options = with(2);
  if (policy != nullptr) options.precision = PrecisionPolicy::parse(policy);
  const auto engine = make_engine(engine_name, plan, options);
  const SequenceId sequence = engine->add_sequence();
  std::vector<TokenInput> batch;
  for (const std::int32_t token : kTokens) batch.push_back({token, sequence, true});
  Values values;
  engine->evaluate(batch, &values);
  return values.taps;
}

double relative_error(const std::vector<double>& candidate, const std::vector<double>& reference) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    difference += (candidate[i] - reference[i]) * (candidate[i] - reference[i]);
    size += reference[i] * reference[i];
  }
  return std::sqrt(difference / size);
}

TEST_P(EveryArchitecture, ArithmeticsAreNearTheExactOne) {
  const LoadedModel model = load(GetParam());
  const auto exact = values_of(model->plan, "oracle");
  const auto fast = values_of(model->plan, "fast");
  const auto f32 = values_of(model->plan, "oracle", "default=f32");
  const auto bf16 = values_of(model->plan, "oracle", "default=bf16");
  for (const auto& [tap, values] : exact) {
    EXPECT_LT(relative_error(fast.at(tap), values), 3e-6) << tap;
    EXPECT_LT(relative_error(f32.at(tap), values), 3e-6) << tap;
    EXPECT_LT(relative_error(bf16.at(tap), values), 0.2) << tap;
  }
}

// No architecture here has the first form of GELU; who looks for a mistake in an activation runs it.
TEST(Gelu, BothFormsInEveryArithmetic) {
  const LoadedModel model = load("llama");
  for (const model::Activation activation : {model::Activation::gelu, model::Activation::gelu_tanh}) {
    model::Plan plan = model->plan;
    for (model::Step& step : plan.steps) {
      if (auto* gated = std::get_if<model::GatedActivation>(&step.operation)) gated->activation = activation;
    }
    const auto gelu = [&](double x) {
      const double u = std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x);
      return 0.5 * x * (1 + (activation == model::Activation::gelu ? std::erf(x / std::sqrt(2.0)) : std::tanh(u)));
    };
    for (const auto& [values, bound] : {std::pair(values_of(plan, "oracle"), 1e-14),
                                        {values_of(plan, "fast"), 3e-7},
                                        {values_of(plan, "oracle", "default=f32"), 3e-7}}) {
      std::vector<double> expected = values.at("blk.0.ffn_gate");
      const std::vector<double>& up = values.at("blk.0.ffn_up");
      for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = gelu(expected[i]) * up[i];
      EXPECT_LT(relative_error(values.at("blk.0.ffn_act"), expected), bound);
    }
  }
}

/// Writes what no router says in the place of two tokens' experts, and looks at what those make of it.
class Garbler final : public Observer {
 public:
  bool wants(const model::Value& value) const override {
    return value.tap == "blk.0.ffn_experts" || value.tap == "blk.0.ffn_expert_gate";
  }
  void observe(const model::Value& value, const TapRows& rows) override {
    if (value.tap == "blk.0.ffn_expert_gate") {
      for (std::size_t i = 0; i < rows.count * rows.width; ++i) {
        const double here = rows.f32 != nullptr ? static_cast<double>(rows.f32[i]) : rows.f64[i];
        EXPECT_EQ(std::isnan(here), i / rows.width == 2 || i / rows.width == 3) << "token " << i / rows.width;
      }
      return;
    }
    const std::array<double, 4> garbage = {1.5, -1, std::numeric_limits<double>::quiet_NaN(), 5};
    for (std::size_t i = 0; i < garbage.size(); ++i) {
      if (rows.f32 != nullptr) rows.f32[2 * rows.width + i] = static_cast<float>(garbage[i]);
      if (rows.f64 != nullptr) rows.f64[2 * rows.width + i] = garbage[i];
    }
  }
};

TEST(Experts, IndicesThatNameNoneGiveNaN) {
  const LoadedModel model = load("mixtral");
  for (const auto& [name, policy] : {std::pair("fast", ""), {"oracle", "default=f64"}, {"oracle", "default=f32"}}) {
    EngineOptions options = with(2);
    if (std::string(name) == "oracle") options.precision = PrecisionPolicy::parse(policy);
    const auto engine = make_engine(name, model->plan, options);
    const SequenceId sequence = engine->add_sequence();
    std::vector<TokenInput> batch;
    for (const std::int32_t token : kTokens) batch.push_back({token, sequence, true});
    Garbler garbler;
    engine->evaluate(batch, &garbler);
    const Rows logits = engine->logits();
    for (std::size_t row = 0; row < logits.count; ++row) {
      // Later tokens attend to what the second block makes of those two.
      EXPECT_EQ(std::isnan(logits.at(row, 0)), row >= 2) << name << ", token " << row;
    }
  }
}

TEST(Experts, OfEqualScoresTheLowestIndexIsChosen) {
  TinyModel tiny;
  tiny.add_experts();
  std::vector<float>& router = tiny.tensors["blk.0.ffn_gate_inp.weight"].values;
  std::fill(router.begin(), router.end(), 0.0F);
  const LoadedModel model(tiny);
  for (const char* engine : {"oracle", "fast"}) {
    const auto values = values_of(model->plan, engine);
    const std::vector<double>& chosen = values.at("blk.0.ffn_experts");
    for (std::size_t i = 0; i < chosen.size(); ++i) EXPECT_EQ(chosen[i], static_cast<double>(i % 2)) << engine;
    EXPECT_NEAR(values.at("blk.0.ffn_weights")[0], 0.2, 1e-7);
    EXPECT_NEAR(values.at("blk.0.ffn_weights_norm")[1], 0.5, 1e-7);
  }
}

TEST(SoftCap, TheValueBeforeItIsSeenUncapped) {
  const LoadedModel model = load("gemma2");
  const auto taps = taps_of(model, 2, 3, true);
  std::vector<float> capped = taps.at("logits_raw");
  kernels::kernels().soft_cap(capped.data(), 3.0F, capped.size(), capped.data());
  EXPECT_TRUE(same_bits(capped, taps.at("logits")));
  EXPECT_TRUE(same_bits(taps.at("engine"), taps.at("logits")));
  EXPECT_FALSE(same_bits(taps.at("logits_raw"), taps.at("logits")));
}

}  // namespace
}  // namespace assay::engine
