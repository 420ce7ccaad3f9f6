// What runs of a whole model are made of: fast products, beginnings of a passage, faults in groups of steps.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "diagnose/fast_product.h"
#include "diagnose/planting.h"
#include "diagnose/race.h"
#include "diagnose/whole_run.h"
#include "tests/diagnose/sites.h"

namespace assay {
namespace {

using diagnose::Candidate;
using diagnose::Matrix;
using diagnose::Planted;
using diagnose::Planter;
using diagnose::RightValues;
using diagnose::Scope;

TEST(FastProduct, IsNearTheSumOfProducts) {
  constexpr std::size_t kWidth = 256;
  constexpr std::size_t kRows = 40;
  for (const char* name : {"F32", "F16", "Q4_0", "Q4_K", "Q6_K"}) {
    const quant::Type& type = *quant::find_type(name);
    std::vector<float> values(kRows * kWidth);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)));
    std::vector<std::byte> bytes(values.size() / type.block_values * type.block_bytes);
    const std::size_t row_bytes = bytes.size() / kRows;
    for (std::size_t r = 0; r < kRows; ++r) {
      type.encode(values.data() + r * kWidth, kWidth, nullptr, bytes.data() + r * row_bytes);
    }
    type.decode(bytes.data(), values.size() / type.block_values, values.data());
    const gguf::Tensor weight{name, &type, {kWidth, kRows}, bytes};
    Matrix x(3, kWidth);
    for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] = std::cos(0.11 * static_cast<double>(i));

    ASSERT_TRUE(diagnose::has_fast_product(weight)) << name;
    const Matrix output = diagnose::multiply_fast(weight, x, 2);
    ASSERT_EQ(output.values.size(), x.rows * kRows);
    Matrix right(x.rows, kRows);
    for (std::size_t i = 0; i < right.values.size(); ++i) {
      right.values[i] =
          std::inner_product(x.row(i / kRows), x.row(i / kRows) + kWidth, values.data() + i % kRows * kWidth, 0.0);
    }
    EXPECT_LT(test::distance(output, right), 1e-4) << name;
  }
}

class Whole : public testing::Test {
 protected:
  Planter planter() const { return Planter({*model_, stepper_, passage_, right_, 0, nullptr}); }
  std::vector<Planted> planted(Scope scope) const { return planter().plant(scope); }
  std::string tap(std::size_t step) const {
    return model_->plan.values[static_cast<std::size_t>(model_->plan.steps[step].output)].tap;
  }

  test::LoadedModel model_{test::TinyModel()};
  diagnose::Passage passage_ = make_passage();
  diagnose::Stepper stepper_{model_->plan, 1};
  RightValues right_{*model_, passage_, 1};

 private:
  static diagnose::Passage make_passage() {
    diagnose::Passage passage;
    for (std::size_t i = 0; i < 12; ++i) {
      passage.tokens.push_back(static_cast<std::int32_t>((11 * i + 5) % 50));
      passage.positions.push_back(i);
    }
    passage.prompt_tokens = 12;
    return passage;
  }
};

TEST_F(Whole, ABeginningIsWhatTheModelSaysOfItAlone) {
  const RightValues few = right_.first(4);
  const RightValues alone(*model_, few.passage(), 1);
  EXPECT_EQ(few.passage().tokens.size(), 4U);
  EXPECT_EQ(few.logits().values, alone.logits().values);
}

TEST_F(Whole, FaultsThatLookAheadAreKnown) {
  const RightValues few = right_.first(2);
  const RightValues more = right_.first(8);
  const std::set<std::string_view> ahead = {"attention_mask_absent", "attention_mask_off_by_one",
                                            "attention_softmax_axis", "attention_output_layout", "logits_row"};
  std::set<std::string_view> found;
  for (const Planted& one : planted(Scope::everywhere)) {
    if (!is_causal(one, few, more, stepper_)) found.insert(one.fault->name);
  }
  EXPECT_EQ(found, ahead);
}

TEST_F(Whole, AFaultIsPlantedInAllItsStepsThenInFewer) {
  Planter planter = this->planter();
  const auto find = [&](const std::vector<Planted>& all, const std::string& name) {
    std::vector<std::string> found;
    for (const Planted& one : all) {
      if (one.name != name) continue;
      std::string taps;
      for (const auto& [step, hypothesis] : one.steps) taps += tap(step) + " ";
      found.push_back(taps);
    }
    return std::set<std::string>(found.begin(), found.end());
  };
  using Taps = std::set<std::string>;
  const auto everywhere = planter.plant(Scope::everywhere);
  EXPECT_EQ(find(everywhere, "rope_pairing "), Taps({"blk.0.q_rope blk.0.k_rope blk.1.q_rope blk.1.k_rope "}));
  // The same tensor of each layer is one fault, and says so.
  EXPECT_EQ(find(everywhere, "wrong_tensor tensor=blk.N.ffn_gate.weight "), Taps({"blk.0.ffn_up blk.1.ffn_up "}));
  EXPECT_EQ(find(planter.plant(Scope::kind), "rope_pairing "),
            Taps({"blk.0.q_rope blk.1.q_rope ", "blk.0.k_rope blk.1.k_rope "}));
  EXPECT_EQ(find(planter.plant(Scope::layer), "rope_pairing "),
            Taps({"blk.0.q_rope blk.0.k_rope ", "blk.1.q_rope blk.1.k_rope "}));
  EXPECT_EQ(find(planter.plant(Scope::step), "rope_pairing "),
            Taps({"blk.0.q_rope ", "blk.0.k_rope ", "blk.1.q_rope ", "blk.1.k_rope "}));
  // One step in one layer was all steps of that kind there: not again.
  EXPECT_EQ(find(planter.plant(Scope::step), "rope_pairing "), Taps());
}

TEST_F(Whole, NothingIsTriedWhenTheTimeIsOver) {
  const std::vector<std::int32_t> chosen = {1, 2, 3, 4};
  diagnose::RaceRequest request;
  request.outside.chosen = chosen;
  request.outside.first_chosen = 8;
  diagnose::Race race(right_, request);
  const std::vector<Planted> all = planted(Scope::everywhere);
  const std::vector<Candidate> candidates = {{&all[0]}, {&all[1]}};
  for (const double none : {0.0, -1.0, std::nan("")}) {
    race.start(none);
    EXPECT_EQ(race.run(candidates, "late"), 0U) << none;
    EXPECT_TRUE(race.results().empty());
  }
  race.start(HUGE_VAL);
  EXPECT_EQ(race.run(candidates, "in time"), 2U);
  EXPECT_EQ(race.results().size(), 2U);
}

}  // namespace
}  // namespace assay
