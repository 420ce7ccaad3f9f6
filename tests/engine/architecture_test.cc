// The promises of the fast engine for architectures other than that of the model in fast_test.cc: norms of heads,
// rotary halves, windows that end inside a piece, soft caps in the place of what they cap.
#include <map>
#include <string>
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
  if (architecture != "llama") tiny.become(architecture);
  return LoadedModel(tiny);
}

class EveryArchitecture : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Fast, EveryArchitecture, ::testing::Values("llama", "qwen2", "qwen3", "gemma2"),
                         [](const auto& name) { return std::string(name.param); });

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
