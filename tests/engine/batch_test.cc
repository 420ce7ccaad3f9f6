// Memory of values, and the cache.
#include "engine/batch.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/kv_cache.h"
#include "tests/support/tiny_model.h"

namespace assay::engine {
namespace {

TEST(ValueSlots, NoLivingValueIsOverwritten) {
  const test::LoadedModel loaded{test::TinyModel{}};
  const model::Plan& plan = loaded->plan;
  const ValueSlots layout = assign_slots(plan);
  std::vector<model::ValueId> holds(layout.slots.size(), -1);
  for (const model::Step& step : plan.steps) {
    const std::size_t slot = layout.slot_of[static_cast<std::size_t>(step.output)];
    for (const model::ValueId input : step.inputs) {
      const std::size_t input_slot = layout.slot_of[static_cast<std::size_t>(input)];
      EXPECT_EQ(holds[input_slot], input);
      EXPECT_NE(input_slot, slot);
    }
    holds[slot] = step.output;
    EXPECT_EQ(layout.slots[slot].width, plan.values[static_cast<std::size_t>(step.output)].width);
    EXPECT_EQ(layout.slots[slot].only_outputs, step.only_outputs);
  }
  EXPECT_EQ(holds[layout.slot_of[static_cast<std::size_t>(plan.logits)]], plan.logits);
  EXPECT_LE(layout.slots.size(), 15U);  // of 33 values
}

TEST(KvCache, KeepsRowsWhileItGrows) {
  constexpr std::size_t kLayers = 3, kWidth = 5, kContext = 1000;
  KvCache<double> cache(kLayers, kWidth, kContext);
  const SequenceId a = cache.add();
  const SequenceId b = cache.add();
  const auto value = [](SequenceId sequence, std::size_t layer, std::size_t position, std::size_t channel) {
    return static_cast<double>(sequence) * 1e6 + static_cast<double>(layer) * 1e5 +
           static_cast<double>(position * kWidth + channel);
  };
  for (std::size_t position = 0; position < kContext; ++position) {
    for (const SequenceId sequence : {a, b}) {
      cache.reserve(sequence, position + 1);
      for (std::size_t layer = 0; layer < kLayers; ++layer) {
        for (std::size_t c = 0; c < kWidth; ++c) {
          cache.keys(sequence, layer)[position * kWidth + c] = value(sequence, layer, position, c);
          cache.values(sequence, layer)[position * kWidth + c] = -value(sequence, layer, position, c);
        }
      }
      cache.set_length(sequence, position + 1);
    }
  }
  for (const SequenceId sequence : {a, b}) {
    for (std::size_t layer = 0; layer < kLayers; ++layer) {
      for (std::size_t i = 0; i < kContext * kWidth; ++i) {
        ASSERT_EQ(cache.keys(sequence, layer)[i], value(sequence, layer, 0, i));
        ASSERT_EQ(cache.values(sequence, layer)[i], -value(sequence, layer, 0, i));
      }
    }
  }
  cache.truncate(a, 2000);
  EXPECT_EQ(cache.length(a), kContext);
  cache.remove(a);
  EXPECT_THROW(cache.length(a), Error);
  EXPECT_EQ(cache.length(b), kContext);
  EXPECT_NE(cache.add(), a);
}

TEST(KvCache, SaysWhenThereIsNoMemory) {
  KvCache<double> cache(32, 1024, std::size_t{1} << 40);
  const SequenceId sequence = cache.add();
  EXPECT_THROW(cache.reserve(sequence, std::size_t{1} << 40), Error);
  EXPECT_NO_THROW(cache.reserve(sequence, 1));
}

}  // namespace
}  // namespace assay::engine
