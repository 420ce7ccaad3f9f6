#include "diagnose/verdict.h"

#include <gtest/gtest.h>

#include "diagnose/rounding.h"

namespace assay::diagnose {
namespace {

TEST(Verdict, TiesShareTheConfidenceInOneMistake) {
  Finding finding;
  finding.confidence = 0.3;
  EXPECT_FALSE(is_sure_mistake(finding));
  finding.ties = {"rope_twice", "rope_base"};
  EXPECT_TRUE(is_sure_mistake(finding));
  // A hundred that share 0.4 do not make it more.
  finding.ties.assign(100, "rope_twice");
  finding.confidence = 0.4 / static_cast<double>(sharing(finding.ties.size()));
  EXPECT_FALSE(is_sure_mistake(finding));
}

TEST(Verdict, RoundingIsNoMistake) {
  Finding finding;
  finding.confidence = 0.99;
  EXPECT_TRUE(is_sure_mistake(finding));
  finding.fault_class = FaultClass::rounding;
  EXPECT_FALSE(is_sure_mistake(finding));
}

TEST(Rounding, FaultsOfRoundingAreArithmetics) {
  for (const auto& [fault, arithmetic] : {std::pair("f16_storage", "f16"), std::pair("bf16_storage", "bf16"),
                                          std::pair("q8_activations", "q8"), std::pair("f16_accumulation", "f16acc")}) {
    ASSERT_NE(find_fault(fault), nullptr) << fault;
    EXPECT_EQ(find_fault(fault)->fault_class, FaultClass::rounding) << fault;
    EXPECT_EQ(arithmetic_of(fault), arithmetic);
  }
  EXPECT_EQ(arithmetic_of("flush_to_zero"), "flush_to_zero");
}

}  // namespace
}  // namespace assay::diagnose
