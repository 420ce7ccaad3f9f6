// Attribution where the culprit is known: every tensor of kingjames is rounded a little, one of them much; that one
// must be found, whichever it is.
#include "compare/attribution.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "compare/put_back.h"
#include "quant/half.h"
#include "tests/support/tiny_model.h"
#include "tokenizer/tokenizer.h"

namespace assay::compare {
namespace {

/// Runs are short: threads would only wait for each other.
const engine::EngineOptions kOneThread = {1, 0, engine::CacheType::f32};

const model::Model& kingjames() {
  static const model::Model kModel =
      model::load_model(gguf::File::open(std::string(ASSAY_MODELS) + "/kingjames-7m.f16.gguf"));
  return kModel;
}

std::vector<std::int32_t> prompt() {
  return tokenizer::Tokenizer::from_gguf(kingjames().file)
      ->encode("In the beginning God created the heaven and the earth. And the earth was without form, and void.",
               {.add_special = true, .parse_special = false});
}

/// A plan whose F16 matrices are copies that may be spoiled.
class SpoiledPlan {
 public:
  explicit SpoiledPlan(const model::Plan& original) : plan(original) {
    for (std::size_t i = 0; i < plan.weights.size(); ++i) {
      if (plan.weights[i]->type->name != "F16") continue;
      originals_.push_back(plan.weights[i]);
      matrices.push_back(i);
    }
    data_.resize(matrices.size());
    tensors_.resize(matrices.size());
  }

  /// Every block of 32 rounded to steps of its largest value over `steps`, and then moved at random by `noise` steps.
  void spoil(std::size_t matrix, float steps, float noise = 0) {
    const gguf::Tensor& original = *originals_[matrix];
    std::vector<float> values(original.values());
    original.type->decode(original.data.data(), values.size(), values.data());
    std::mt19937 random(static_cast<unsigned>(matrix));
    std::normal_distribution<float> normal(0, 1);
    std::vector<std::byte>& bytes = data_[matrix];
    bytes.resize(original.data.size());
    for (std::size_t begin = 0; begin < values.size(); begin += 32) {
      float largest = 0;
      for (std::size_t i = begin; i < begin + 32; ++i) largest = std::max(largest, std::abs(values[i]));
      const float step = largest > 0 ? largest / steps : 1;
      for (std::size_t i = begin; i < begin + 32; ++i) {
        const float moved = std::nearbyint(values[i] / step) + (noise > 0 ? noise * normal(random) : 0);
        const std::uint16_t half = quant::float_to_half(moved * step);
        std::memcpy(bytes.data() + i * sizeof half, &half, sizeof half);
      }
    }
    tensors_[matrix] = original;
    tensors_[matrix].data = bytes;
    plan.weights[matrices[matrix]] = &tensors_[matrix];
  }

  model::Plan plan;
  std::vector<std::size_t> matrices;  ///< WeightIds

 private:
  std::vector<const gguf::Tensor*> originals_;
  std::vector<std::vector<std::byte>> data_;
  std::vector<gguf::Tensor> tensors_;
};

/// Logits of every position, row by row.
std::vector<std::vector<float>> logits(const model::Plan& plan, const std::vector<std::int32_t>& tokens) {
  engine::EngineOptions options = kOneThread;
  options.context_length = tokens.size();
  const auto engine = engine::make_fast(plan, options);
  const engine::SequenceId sequence = engine->add_sequence();
  std::vector<engine::TokenInput> batch;
  batch.reserve(tokens.size());
  for (const std::int32_t token : tokens) batch.push_back({token, sequence, true});
  engine->evaluate(batch);
  const engine::Rows rows = engine->logits();
  std::vector<std::vector<float>> copied;
  for (std::size_t row = 0; row < rows.count; ++row) {
    copied.emplace_back(rows.f32 + row * rows.width, rows.f32 + (row + 1) * rows.width);
  }
  return copied;
}

struct Found {
  std::size_t position = 0;
  std::int32_t reference_token = 0;
  float margin = 0;  ///< of the reference, over the candidate's token
};

/// The flip that costs the reference the largest margin; a margin of 0 when there is none.
Found worst_flip(const std::vector<std::vector<float>>& reference, const std::vector<std::vector<float>>& candidate) {
  Found worst;
  for (std::size_t row = 0; row < reference.size(); ++row) {
    const auto top = std::max_element(reference[row].begin(), reference[row].end()) - reference[row].begin();
    const auto other = std::max_element(candidate[row].begin(), candidate[row].end()) - candidate[row].begin();
    const float margin =
        reference[row][static_cast<std::size_t>(top)] - reference[row][static_cast<std::size_t>(other)];
    if (margin > worst.margin) worst = {row, static_cast<std::int32_t>(top), margin};
  }
  return worst;
}

TEST(Attribution, FindsThePlantedTensorTwentyTimesOfTwenty) {
  const std::vector<std::int32_t> tokens = prompt();
  const auto reference = logits(kingjames().plan, tokens);
  std::mt19937 random(5);
  SpoiledPlan spoiled(kingjames().plan);
  for (std::size_t matrix = 0; matrix < spoiled.matrices.size(); ++matrix) spoiled.spoil(matrix, 127);
  std::vector<std::size_t> order(spoiled.matrices.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);

  int expected_first = 0;
  for (std::size_t planting = 0; planting < 20; ++planting) {
    const std::size_t matrix = order[planting];
    Found flip;
    // Noisier until it flips something.
    for (float noise = 0.5F; flip.margin == 0 && noise < 100; noise *= 2) {
      spoiled.spoil(matrix, 4, noise);
      flip = worst_flip(reference, logits(spoiled.plan, tokens));
    }
    const PlanPair pair(kingjames().plan, spoiled.plan, "kingjames", "spoiled");
    const std::string name(spoiled.plan.weights[spoiled.matrices[matrix]]->name);
    ASSERT_GT(flip.margin, 0) << name;
    AttributionRequest request;
    request.options = kOneThread;
    request.tokens = std::span(tokens).first(flip.position + 1);
    request.reference_token = flip.reference_token;
    const std::vector<Attribution> found = attribute(pair, request);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found[0].name, name) << planting;
    EXPECT_EQ(found[0].tensors, std::vector<std::string>{name});
    EXPECT_TRUE(found[0].flips_back) << name;
    expected_first += std::all_of(found.begin(), found.end(), [&](const Attribution& other) {
      return other.group != GroupKind::tensor || other.estimate <= found[0].estimate;
    });
    spoiled.spoil(matrix, 127);
  }
  // The estimate only chooses what to run, but it should be a good guess.
  EXPECT_GE(expected_first, 18);
}

TEST(Attribution, OneTensorThatDiffersIsRunAlone) {
  const std::vector<std::int32_t> tokens = prompt();
  SpoiledPlan spoiled(kingjames().plan);
  spoiled.spoil(3, 2, 4);
  const Found flip = worst_flip(logits(kingjames().plan, tokens), logits(spoiled.plan, tokens));
  ASSERT_GT(flip.margin, 0);
  const PlanPair pair(kingjames().plan, spoiled.plan, "kingjames", "spoiled");
  AttributionRequest request;
  request.options = kOneThread;
  request.tokens = std::span(tokens).first(flip.position + 1);
  request.reference_token = flip.reference_token;
  std::size_t runs = 0;
  request.on_run = [&](std::size_t done, std::size_t) { runs = done; };
  const std::vector<Attribution> found = attribute(pair, request);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(runs, 1U);
  EXPECT_EQ(found[0].group, GroupKind::tensor);
  EXPECT_EQ(found[0].estimate, 1);
  EXPECT_TRUE(found[0].flips_back);
}

// Blame that only several tensors together explain, with a score that is a sum over tensors.
TEST(PutBack, PutsTheWorstBackTogetherUntilItIsEnough) {
  SpoiledPlan spoiled(kingjames().plan);
  for (std::size_t matrix = 0; matrix < spoiled.matrices.size(); ++matrix) spoiled.spoil(matrix, 8);
  const PlanPair pair(kingjames().plan, spoiled.plan, "kingjames", "spoiled");
  const auto worth = [](std::string_view name) {
    if (name == "blk.1.attn_v.weight") return 5.0;
    if (name == "blk.4.ffn_down.weight") return 4.0;
    if (name == "token_embd.weight") return 3.0;
    return 0.1;
  };
  // What the plan still has of the spoiled tensors counts against it.
  const auto score = [&](const model::Plan& plan) {
    double sum = 0;
    for (const model::Step& step : plan.steps) {
      const model::WeightId weight = main_weight(step.operation);
      if (weight == model::kNoWeight) continue;
      const gguf::Tensor* tensor = plan.weights[static_cast<std::size_t>(weight)];
      if (tensor != kingjames().file.find_tensor(tensor->name)) sum -= worth(tensor->name);
    }
    return sum;
  };
  PutBackRequest request;
  std::size_t most = 0;
  std::size_t scored = 0;
  request.score = [&](std::span<const model::Plan> plans) {
    most = std::max(most, plans.size());
    scored += plans.size();
    std::vector<double> scores;
    for (const model::Plan& plan : plans) scores.push_back(score(plan));
    return scores;
  };
  request.candidate_score = score(spoiled.plan);
  request.is_enough = [&](double reached) { return reached >= request.candidate_score + 11.9; };
  const std::vector<PutBack> found = put_back_groups(pair, request);

  EXPECT_EQ(found[0].name, "blk.1.attn_v.weight");
  EXPECT_NEAR(found[0].score - request.candidate_score, 5, 1e-9);
  EXPECT_EQ(found[1].name, "blk.4.ffn_down.weight");
  EXPECT_EQ(found[2].name, "token_embd.weight");
  std::vector<std::string> names;
  for (const PutBack& group : found) {
    if (group.kind != GroupKind::tensor) names.push_back(group.name);
  }
  // 6 layers and 7 kinds within them; embedding and head are kinds of one tensor.
  ASSERT_EQ(names.size(), 2U + 7U + 6U);
  EXPECT_EQ(names[0], "2 worst");
  EXPECT_EQ(names[1], "3 worst");
  EXPECT_EQ(names[2], "attn_v");
  EXPECT_EQ(names[3], "ffn_down");
  EXPECT_EQ(names[9], "blk.1");
  EXPECT_EQ(names[10], "blk.4");

  EXPECT_EQ(most, kPlansAtOnce);
  // Each once: 6 layers, 9 kinds, of the 8 likeliest tensors the 7 that are no kind of their own, 2 steps together.
  EXPECT_EQ(scored, 6U + 9U + 7U + 2U);

  // When it is never enough, the last step is the reference itself.
  request.is_enough = nullptr;
  std::vector<std::size_t> counts;
  double last = -1;
  for (const PutBack& group : put_back_groups(pair, request)) {
    if (group.kind != GroupKind::together) continue;
    counts.push_back(group.weights.size());
    last = group.score;
  }
  EXPECT_EQ(counts, (std::vector<std::size_t>{2, 3, 4, 5, 6, 12, 24, 44}));
  EXPECT_EQ(last, 0);
}

}  // namespace
}  // namespace assay::compare
