// Ids chosen by logits that a test writes down.
#include "diagnose/gates/sampler.h"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace assay {
namespace {

using diagnose::Finding;
using diagnose::GateReport;
using trace::FactKind;

/// Prompt 2 0, then what was decoded; one row of four logits a token.
trace::ForeignTrace made(std::vector<std::int32_t> decoded, std::vector<double> logits) {
  trace::ForeignTrace trace;
  trace.tokens = {2, 0};
  trace.prompt_tokens = 2;
  trace.tokens.insert(trace.tokens.end(), decoded.begin(), decoded.end());
  trace::ForeignTap tap;
  tap.name = "logits";
  tap.channels = 4;
  tap.values = std::move(logits);
  for (std::size_t row = 0; row < tap.values.size() / 4; ++row) tap.rows.push_back(row);
  trace.taps.push_back(std::move(tap));
  return trace;
}

/// Rows whose largest are 3, 1, 2, 3.
const std::vector<double> kLogits = {0, 1, 2, 5, 0, 9, 8, 1, 1, 2, 4, 3, -1, -2, -3, 0};

TEST(Sampler, LargestIdsAreRight) {
  EXPECT_TRUE(diagnose::check_sampler(made({1, 2, 3}, kLogits)).findings.empty());
  trace::ForeignTrace apart = made({}, kLogits);
  apart.generated = {1, 2, 3};
  EXPECT_TRUE(diagnose::check_sampler(apart).findings.empty());
  EXPECT_TRUE(diagnose::check_sampler(made({}, kLogits)).findings.empty());
  EXPECT_TRUE(diagnose::check_sampler(trace::ForeignTrace{}).findings.empty());
}

TEST(Sampler, OthersAreNot) {
  trace::ForeignTrace trace = made({}, kLogits);
  trace.generated = {1, 0, 2};
  const GateReport report = diagnose::check_sampler(trace);
  ASSERT_EQ(report.findings.size(), 1U);
  const Finding& finding = report.findings[0];
  EXPECT_EQ(finding.fault, "not_greedy");
  EXPECT_EQ(finding.operation, "sampler");
  EXPECT_TRUE(finding.parameters.empty());
  EXPECT_EQ(finding.residual_before, 3);
  EXPECT_LT(finding.confidence, 1);
  EXPECT_NE(finding.fingerprint.find("2 of 3 ids; most behind token 2: id 0, 3 below id 2 with 4"), std::string::npos)
      << finding.fingerprint;
  EXPECT_NE(finding.claim.find("on purpose"), std::string::npos);
}

TEST(Sampler, IdsBehindThePromptMayBePrescribed) {
  const GateReport most = diagnose::check_sampler(made({1, 0, 2}, kLogits));
  EXPECT_TRUE(most.findings.empty());
  EXPECT_EQ(most.notes.size(), 1U);
  trace::ForeignTrace one = made({1, 0, 3}, kLogits);
  EXPECT_EQ(diagnose::check_sampler(one).findings.size(), 1U);
  one.is_prescribed = true;
  EXPECT_TRUE(diagnose::check_sampler(one).findings.empty());
  // Logits that were cut are all equal: the largest by chance.
  const GateReport cut = diagnose::check_sampler(made({0, 1, 3}, {0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 8, 9, 9, 9, 8}));
  EXPECT_TRUE(cut.findings.empty());
  EXPECT_EQ(cut.notes.size(), 1U);
}

TEST(Sampler, EqualLogitsAreNoFault) {
  EXPECT_TRUE(diagnose::check_sampler(made({3}, {0, 0, 0, 0, 1, 1, 0, 1})).findings.empty());
  // float16 may have made them equal, and what differs by its last bit may have been the other way round.
  trace::ForeignTrace half = made({}, {0, 0, 0, 0, 0, 10.0078125, 0, 10});
  half.generated = {3};
  EXPECT_FALSE(diagnose::check_sampler(half).findings.empty());
  half.taps[0].dtype = gguf::Dtype::f16;
  EXPECT_TRUE(diagnose::check_sampler(half).findings.empty());
  half.taps[0].values[5] = 10.0625;
  EXPECT_FALSE(diagnose::check_sampler(half).findings.empty());
  half.taps[0].dtype = gguf::Dtype::bf16;
  EXPECT_TRUE(diagnose::check_sampler(half).findings.empty());
}

trace::ForeignTrace with_facts(std::int32_t chosen, std::vector<trace::Fact> facts) {
  trace::ForeignTrace trace = made({}, {});
  trace.generated = {chosen};
  trace.taps[0].facts = std::move(facts);
  return trace;
}

TEST(Sampler, FactsAlone) {
  const trace::Fact best{FactKind::top, 1, 7, 12.5, 0.005};
  const trace::Fact next{FactKind::top, 1, 3, 12.5, 0.005};
  const trace::Fact third{FactKind::top, 1, 9, 11, 0.005};
  EXPECT_TRUE(diagnose::check_sampler(with_facts(7, {best, next, third})).findings.empty());
  EXPECT_TRUE(diagnose::check_sampler(with_facts(3, {best, {FactKind::top, 1, 3, 12.495, 0.005}})).findings.empty());
  EXPECT_EQ(diagnose::check_sampler(with_facts(9, {best, next, third})).findings.size(), 1U);
  // Not among the largest, so it is none of them.
  const GateReport unnamed = diagnose::check_sampler(with_facts(4, {best, next, third}));
  ASSERT_EQ(unnamed.findings.size(), 1U);
  EXPECT_NEAR(unnamed.findings[0].residual_before, 1.5, 0.01);
  // Values say nothing of channels that were not given.
  const trace::Fact value{FactKind::value, 1, 7, 12.5, 0};
  EXPECT_TRUE(diagnose::check_sampler(with_facts(4, {value})).findings.empty());
  EXPECT_EQ(diagnose::check_sampler(with_facts(4, {value, {FactKind::value, 1, 4, 12, 0}})).findings.size(), 1U);
  EXPECT_TRUE(diagnose::check_sampler(with_facts(4, {{FactKind::top, 0, 7, 12.5, 0}})).findings.empty());
}

trace::ForeignTrace chosen(std::vector<std::int32_t> ids, std::vector<double> logits) {
  trace::ForeignTrace trace = made({}, std::move(logits));
  trace.generated = std::move(ids);
  return trace;
}

TEST(Sampler, AnotherRow) {
  for (const auto& [ids, offset] : {std::pair(std::vector<std::int32_t>{3, 1, 2}, "-1"), {{2, 3}, "+1"}}) {
    const GateReport report = diagnose::check_sampler(chosen(ids, kLogits));
    ASSERT_EQ(report.findings.size(), 1U);
    const Finding& finding = report.findings[0];
    ASSERT_EQ(finding.parameters.size(), 2U);
    EXPECT_EQ(finding.parameters[0].value, "other_row");
    EXPECT_EQ(finding.parameters[1].value, offset);
    EXPECT_EQ(finding.residual_after, 0);
    // Prescribed ids look so in any model that repeats what it reads.
    const GateReport prescribed = diagnose::check_sampler(made(ids, kLogits));
    EXPECT_TRUE(prescribed.findings.empty());
    EXPECT_EQ(prescribed.notes.size(), 1U);
  }
  // The largest of the row before, but with others: logits that were cut.
  const GateReport cut = diagnose::check_sampler(chosen({3}, {0, 9, 9, 9, 0, 9, 8, 1}));
  ASSERT_EQ(cut.findings.size(), 1U);
  EXPECT_TRUE(cut.findings[0].parameters.empty());
}

TEST(Sampler, ARepetitionPenalty) {
  // The prompt has 2 and 0: where they lead, another is taken.
  const GateReport report = diagnose::check_sampler(chosen({1, 3}, {0, 0, 0, 0, 9, 3, 5, 1, 4, 3, 5, 2}));
  ASSERT_EQ(report.findings.size(), 1U);
  ASSERT_EQ(report.findings[0].parameters.size(), 1U);
  EXPECT_EQ(report.findings[0].parameters[0].value, "repetition_penalty");
}

TEST(Sampler, NoNumbersNoLargest) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const GateReport report = diagnose::check_sampler(made({3}, {0, 0, 0, 0, 0, nan, 0, 1}));
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.notes.size(), 1U);
  // Ids may be ruled out.
  const double never = -std::numeric_limits<double>::infinity();
  EXPECT_TRUE(diagnose::check_sampler(made({3}, {0, 0, 0, 0, never, never, 0, 1})).findings.empty());
}

}  // namespace
}  // namespace assay
