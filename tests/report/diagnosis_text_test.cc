#include "report/diagnosis_text.h"

#include <cmath>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "report/diagnosis_json.h"
#include "report/diagnosis_words.h"
#include "report/wrap.h"

namespace assay::report {
namespace {

using diagnose::FaultClass;
using diagnose::Finding;
using diagnose::StepReport;
using diagnose::Verdict;
using diagnose::VerdictKind;
using Outcome = StepReport::Outcome;

constexpr std::size_t kLayers = 3;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    longest = std::max(longest, width_of(text.substr(at, text.find('\n', at) - at)));
  }
  return longest;
}

/// Three layers of q, k and out, and logits: all right, in f32.
Verdict healthy() {
  Verdict verdict;
  verdict.kind = VerdictKind::rounding;
  verdict.layers = kLayers;
  for (std::size_t layer = 0; layer < kLayers; ++layer) {
    for (const char* name : {"q", "k", "out"}) {
      verdict.steps.push_back(
          {verdict.steps.size(), fmt::format("blk.{}.{}", layer, name), "linear", Outcome::healthy, 1e-7, 1e-6, "f32"});
    }
  }
  verdict.steps.push_back({verdict.steps.size(), "logits", "linear", Outcome::healthy, 1e-7, 1e-6, "f32"});
  for (const StepReport& step : verdict.steps) verdict.acquitted.push_back(step.tap);
  verdict.arithmetic = "f32";
  return verdict;
}

Finding mistake() {
  Finding finding;
  finding.taps = {"blk.0.q", "blk.0.k", "blk.1.q", "blk.1.k", "blk.2.q", "blk.2.k"};
  finding.operation = "rope";
  finding.fault = "rope_pairing";
  finding.parameters = {{"pairing", "halves"}};
  finding.claim = "rotates channels i and i + d/2 together";
  finding.remedy = "Rotate neighbours.";
  finding.sources = "owner/repo#12";
  finding.fingerprint = "every head keeps its norm";
  finding.residual_before = 1.4;
  finding.residual_after = 3e-7;
  finding.expected = 1e-6;
  finding.confidence = 0.99;
  return finding;
}

Finding rounding(const std::string& tap, const std::string& fault, double residual) {
  Finding finding;
  finding.taps = {tap};
  finding.fault = fault;
  finding.fault_class = FaultClass::rounding;
  finding.claim = "keeps values in " + fault;
  finding.residual_before = finding.residual_after = residual;
  finding.expected = 2 * residual;
  finding.confidence = 0.5;
  return finding;
}

TEST(DiagnosisText, HealthyIsOneLine) {
  EXPECT_EQ(to_text(healthy()),
            "no mistake: nothing but rounding; all 10 steps are right on the inputs they had, in f32\n");
}

TEST(DiagnosisText, MistakeSaysPlaceClaimEvidenceAndChange) {
  Verdict verdict = healthy();
  verdict.kind = VerdictKind::fault;
  verdict.findings = {mistake()};
  verdict.acquitted.resize(4);
  const std::string text = to_text(verdict);
  EXPECT_EQ(text.rfind("1 mistake: 4 of 10 steps are right on the inputs they had, in f32\n", 0), 0U) << text;
  EXPECT_TRUE(has(text, "\n1. blk.0-2.q and k (all 3 layers): rotates channels i and i + d/2 together\n")) << text;
  EXPECT_TRUE(has(text, "residual 1.4 -> 3e-07 with it made on purpose; rounding explains 1e-06"));
  EXPECT_TRUE(has(text, "change     Rotate neighbours.\n"));
  EXPECT_TRUE(has(text, "name       rope_pairing pairing=halves, confidence 0.99\n"));
  EXPECT_TRUE(has(text, "known from owner/repo#12\n"));
  EXPECT_FALSE(has(text, "or else")) << "there are no ties";
  EXPECT_FALSE(has(text, "seen at"));
}

TEST(DiagnosisText, WhatIsSuspectedIsNoMistakeFound) {
  Verdict verdict = healthy();
  verdict.kind = VerdictKind::undecided;
  verdict.findings = {mistake()};
  verdict.findings[0].confidence = 0.1;
  verdict.findings[0].ties = {"rope_twice", "rope_base at blk.0.q"};
  verdict.steps[5].outcome = Outcome::undecided;
  verdict.needed = {"whole rows of blk.0.q: before blk.0.k", "whole rows of blk.1.q: before blk.1.k", "the ids"};
  const std::string text = to_text(verdict);
  EXPECT_EQ(text.rfind("undecided: what was given does not decide it; ", 0), 0U) << text;
  EXPECT_LT(text.find("Suspected, not decided"), text.find("1. blk.0-2.q and k"));
  EXPECT_TRUE(has(text, "or else    rope_twice, rope_base at blk.0.q\n"));
  EXPECT_TRUE(has(text, "Not decided\n  blk.1.out: "));
  EXPECT_TRUE(has(text, "What would decide more\n  - whole rows of blk.0,1.q: before blk.0,1.k\n  - the ids\n"))
      << text;
}

TEST(DiagnosisText, OnlyRoundingCoarserThanTheRestIsListed) {
  Verdict verdict = healthy();
  verdict.arithmetic = "f16";
  for (StepReport& step : verdict.steps) step.arithmetic = step.tap == "blk.1.k" ? "f32" : "f16";
  verdict.findings = {rounding("blk.0.q", "f16_storage", 1e-4)};
  EXPECT_EQ(to_text(verdict),
            "no mistake: nothing but rounding; all 10 steps are right on the inputs they had, in f16\n");
  verdict.steps[2].arithmetic = verdict.steps[5].arithmetic = "bf16";
  verdict.steps[5].residual = 2e-3;
  verdict.steps[5].expected = 5e-3;
  verdict.findings.push_back(rounding("blk.2.out", "coarse_arithmetic", 3e-3));
  const std::string text = to_text(verdict, 120);
  EXPECT_TRUE(has(text, "  blk.0,1.out: in bf16; residual up to 0.002, where that explains 0.005\n")) << text;
  EXPECT_TRUE(has(text, "  blk.2.out: keeps values in coarse_arithmetic (coarse_arithmetic), residual 0.003"));
  EXPECT_FALSE(has(text, "f16_storage"));
  const nlohmann::ordered_json json = to_json(verdict);
  ASSERT_EQ(json["coarser"].size(), 1U);
  EXPECT_EQ(json["coarser"][0]["where"], "blk.0,1.out");
}

TEST(DiagnosisText, FiguresOfGatesAreNoResiduals) {
  Verdict verdict = healthy();
  verdict.kind = VerdictKind::fault;
  Finding finding = mistake();
  finding.taps = {"tokens"};
  finding.operation = "tokens";
  finding.expected = 0;
  finding.residual_before = 0.25;
  finding.residual_after = 0;
  verdict.findings = {finding, finding};
  verdict.findings[1].observed = "logits";
  verdict.findings[1].operation = "rope";
  verdict.findings[1].residual_before = INFINITY;
  const std::string text = to_text(verdict);
  EXPECT_TRUE(has(text, "share of the ids that differ 0.25 -> 0 with it made on purpose\n")) << text;
  EXPECT_TRUE(has(text, "residual not finite -> 0 with"));
  EXPECT_TRUE(has(text, "seen at    logits\n"));
}

TEST(DiagnosisText, LinesFitAndNothingObeysAFile) {
  Verdict verdict = healthy();
  verdict.kind = VerdictKind::fault;
  verdict.findings = {mistake()};
  verdict.findings[0].fingerprint = std::string(30, 'x') + " \033[31m " + std::string(30, 'y');
  verdict.notes = {"a name\nof \033]0;theirs\a that is long enough to be broken more than once over narrow lines"};
  for (const std::size_t columns : {48, 80, 120}) {
    const std::string text = to_text(verdict, columns);
    EXPECT_LE(longest_line(text), columns) << text;
    EXPECT_EQ(text.find('\033'), std::string::npos);
    EXPECT_TRUE(has(text, "a name\\nof"));
  }
  const Style style = {"\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[36m", "\033[0m"};
  const std::string coloured = to_text(verdict, 80, style);
  EXPECT_EQ(coloured.rfind("\033[31m1 mistake\033[0m", 0), 0U);
  EXPECT_LE(longest_line(coloured), 80U) << "escape sequences take no room";
}

TEST(DiagnosisWords, TapsAreJoinedByLayers) {
  EXPECT_EQ(join_taps({"blk.3.ffn_act"}, 6), "blk.3.ffn_act");
  EXPECT_EQ(join_taps({"final_norm"}, 6), "final_norm");
  EXPECT_EQ(join_taps({"blk.0.q", "blk.1.q", "blk.2.q", "blk.5.q"}, 6), "blk.0-2,5.q");
  EXPECT_EQ(join_taps({"blk.0.q", "blk.0.k", "blk.0.v", "blk.1.q", "blk.1.k", "blk.1.v"}, 2),
            "blk.0,1.q, k and v (all 2 layers)");
  EXPECT_EQ(join_taps({"blk.0.q", "blk.1.q", "blk.1.k", "logits"}, 0), "blk.0,1.q, blk.1.k, logits");
  EXPECT_EQ(join_taps({"blk.0.a", "blk.0.b", "blk.0.c", "blk.0.d", "blk.0.e"}, 6), "blk.0.a, b, c and 2 more");
  EXPECT_EQ(join_taps({"blk.0.a", "blk.1.b", "blk.2.c", "blk.3.d", "x"}, 6), "blk.0.a, blk.1.b, blk.2.c and 2 more");
  EXPECT_EQ(join_taps({"blk.99999999999999999999.q"}, 6), "blk.99999999999999999999.q");
  EXPECT_EQ(join_taps({}, 6), "");
}

TEST(DiagnosisWords, SentencesOfSeveralLayersStay) {
  const std::vector<std::string> sentences = {"blk.0.q after blk.1.k", "blk.2.q after blk.3.k", "blk.4", "blk.5"};
  EXPECT_EQ(join_sentences(sentences), sentences);
}

TEST(DiagnosisWords, CoarserThanTheRest) {
  Verdict verdict = healthy();
  verdict.arithmetic = "q8";
  EXPECT_FALSE(is_coarser("f32", verdict));
  EXPECT_FALSE(is_coarser("f16_storage", verdict));
  EXPECT_FALSE(is_coarser("q8_activations", verdict));
  EXPECT_TRUE(is_coarser("bf16", verdict));
  EXPECT_TRUE(is_coarser("f16_accumulation", verdict));
  EXPECT_TRUE(is_coarser("flush_to_zero", verdict));
}

TEST(DiagnosisText, LayersAreKnownWhereNoStepWasJudged) {
  Verdict verdict = healthy();
  verdict.kind = VerdictKind::fault;
  verdict.steps.clear();
  verdict.acquitted.clear();
  verdict.findings = {mistake()};
  const std::string text = to_text(verdict);
  EXPECT_TRUE(has(text, "1 mistake\n\n1. blk.0-2.q and k (all 3 layers): rotates channels")) << text;
}

TEST(DiagnosisJson, SaysWhatThePageShows) {
  Verdict verdict = healthy();
  verdict.arithmetic = "f16";
  verdict.steps[0].arithmetic = "bf16";
  verdict.steps[1].outcome = Outcome::not_given;
  verdict.findings = {mistake()};
  verdict.findings[0].residual_before = INFINITY;
  const nlohmann::ordered_json json = to_json(verdict);
  EXPECT_EQ(json["arithmetic"], "f16");
  EXPECT_EQ(json["findings"][0]["where"], "blk.0-2.q and k (all 3 layers)");
  EXPECT_EQ(json["findings"][0]["quantity"], "residual");
  EXPECT_TRUE(json["findings"][0]["residual_before"].is_null());
  EXPECT_EQ(json["steps"][0]["arithmetic"], "bf16");
  EXPECT_EQ(json["steps"][0]["coarser"], true);
  EXPECT_EQ(json["steps"][2]["coarser"], false);
  EXPECT_FALSE(json["steps"][1].contains("residual"));
}

}  // namespace
}  // namespace assay::report
