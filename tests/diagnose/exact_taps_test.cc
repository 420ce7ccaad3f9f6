// Values on demand, beside those that the exact engine passes its observers.
#include "diagnose/exact_taps.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "tests/support/tiny_model.h"

namespace assay {
namespace {

using Tokens = std::vector<std::int32_t>;

class Comparing final : public engine::Observer {
 public:
  Comparing(const model::Plan& plan, diagnose::ExactTaps& exact, const Tokens& tokens)
      : plan_(plan), exact_(exact), tokens_(tokens) {}
  void observe(const model::Value& value, const engine::TapRows& rows) override {
    const auto all = exact_(tokens_, static_cast<model::ValueId>(&value - plan_.values.data()));
    ASSERT_EQ(all.size(), rows.count * rows.width) << value.tap;
    for (std::size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(all[i], rows.rows().at(i / rows.width, i % rows.width)) << value.tap << " " << i;
    }
    ++seen;
  }
  std::size_t seen = 0;

 private:
  const model::Plan& plan_;
  diagnose::ExactTaps& exact_;
  const Tokens& tokens_;
};

TEST(ExactTaps, AreTheOracles) {
  for (const char* architecture : {"qwen3", "gemma2"}) {
    test::TinyModel tiny;
    tiny.become(architecture);
    const test::LoadedModel model(tiny);
    const auto oracle = engine::make_oracle(model->plan, {});
    diagnose::ExactTaps exact(model->plan, 1);
    for (const Tokens& tokens : {Tokens{3, 1, 4, 1, 5, 9}, Tokens{3, 1, 4}, Tokens{2}}) {
      std::vector<engine::TokenInput> batch;
      const engine::SequenceId sequence = oracle->add_sequence();
      for (const std::int32_t token : tokens) batch.push_back({token, sequence, true});
      Comparing comparing(model->plan, exact, tokens);
      oracle->evaluate(batch, &comparing);
      EXPECT_EQ(comparing.seen, model->plan.values.size());
      oracle->remove_sequence(sequence);
    }
  }
}

}  // namespace
}  // namespace assay
