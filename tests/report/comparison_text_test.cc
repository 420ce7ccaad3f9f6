#include "report/comparison_text.h"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "report/comparison_json.h"
#include "report/table.h"

namespace assay::report {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Every part filled.
compare::Comparison full() {
  compare::Comparison comparison;
  comparison.reference = {"f16.gguf", "llama", "F16", 13700000, 16.01};
  comparison.reference_perplexity = compare::Estimate{17.64, 0.9, 0.8};
  comparison.engine = "oracle f64, 1 thread";
  comparison.text_name = "text.txt";
  comparison.prompt = "In the\nbeginning";
  comparison.context = 512;
  comparison.chunks = 1;
  compare::CandidateResult& candidate = comparison.candidates.emplace_back();
  candidate.summary = {"q4.gguf", "llama", "Q4_0", 3900000, 4.51};
  candidate.text.emplace();
  candidate.text->kl.mean = {0.0402, 0.001, 0.002};
  candidate.text->top1_agreement.mean = 0.818;
  candidate.text->flips = 104;
  candidate.text->near_ties = 267;
  compare::TapDrift& q = candidate.taps.emplace_back();
  q.tap = "blk.0.q";
  q.layer = 0;
  q.introduced = 0.5;
  compare::TapDrift& out = candidate.taps.emplace_back();
  out.tap = "blk.0.out";
  out.layer = 0;
  out.introduced = 0.125;
  candidate.growth.verdict = {"rms grows 75-fold in the reference too"};
  candidate.growth.massive_channels.emplace_back().channel = 7;
  candidate.prompt.emplace();
  compare::TopToken& top = candidate.prompt->top.emplace_back();
  top.piece = " God";
  top.candidate_rank = 2;
  compare::Flip& flip = candidate.prompt->flips.emplace_back();
  flip.context = "In the beginning";
  flip.reference_piece = " God";
  flip.candidate_piece = " the";
  using compare::GroupKind;
  flip.attribution = {
      {GroupKind::tensor, "blk.0.attn_q.weight", {"blk.0.attn_q.weight"}, 0.9, -0.1, true},
      {GroupKind::together, "2 worst", {"blk.0.attn_q.weight", "output.weight"}, 0.9, 0.1, true},
      {GroupKind::kind, "attn_q", {"blk.0.attn_q.weight", "blk.1.attn_q.weight"}, 0.9, 0.2, true},
      {GroupKind::layer, "blk.0", {"blk.0.attn_q.weight", "blk.0.attn_k.weight"}, 0.9, 0.3, true},
  };
  candidate.culprits = {{GroupKind::tensor, "output.weight", {"output.weight"}, 0.01, 0.75}};
  candidate.culprits_kl = 0.04;
  candidate.culprits_chunks = 2;
  return comparison;
}

TEST(ComparisonText, ShowsEveryPart) {
  const std::string text = to_text(full());
  for (const char* part : {"f16.gguf  F16, 13.7 MB, 16.01 bits a weight",
                           "1 chunk of 512 tokens",
                           "17.6400 +- 0.9000",
                           "In the\\nbeginning",
                           "oracle f64",
                           "0.0402 +- 0.001",
                           "81.80 %",
                           "104",
                           "267",
                           "blk.0.q",
                           "blk.0.out",
                           "rms grows 75-fold",
                           "' God'",
                           "' God' becomes ' the'",
                           "blk.0.attn_q.weight",
                           "-0.1000",
                           "the 2 worst",
                           "all attn_q",
                           "all of blk.0",
                           "output.weight",
                           "the tensors to blame (mean KL 0.04 on the text's first 2 chunks)",
                           "75.00 %"})
    EXPECT_TRUE(has(text, part)) << part;
  EXPECT_LT(text.rfind("blk.0.q "), text.rfind("blk.0.out")) << "the taps that introduce most come first";
}

TEST(ComparisonText, LeavesOutWhatWasNotMeasured) {
  compare::Comparison comparison = full();
  comparison.reference_perplexity.reset();
  comparison.candidates = {compare::CandidateResult()};
  const std::string text = to_text(comparison);
  for (const char* part : {"mean KL", "tap", "put back", "what comes next"}) EXPECT_FALSE(has(text, part)) << part;
}

TEST(ComparisonJson, HasTheMembersOfTheSchema) {
  const nlohmann::ordered_json json = to_json(full());
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["reference"]["ppl"], 17.64);
  const nlohmann::ordered_json& candidate = json["candidates"][0];
  EXPECT_EQ(candidate["kl"]["mean"], 0.0402);
  EXPECT_EQ(candidate["kl"]["stderr"], 0.001);
  EXPECT_EQ(candidate["kl"]["independent_stderr"], 0.002);
  EXPECT_EQ(candidate["near_ties"], 267);
  EXPECT_EQ(candidate["taps"][1]["tap"], "blk.0.out");
  EXPECT_EQ(candidate["growth"]["massive_channels"][0]["channel"], 7);
  EXPECT_EQ(candidate["flips"][0]["attribution"][0]["flips_back"], true);
  EXPECT_EQ(candidate["flips"][0]["attribution"][1]["group"], "together");
  EXPECT_EQ(candidate["top"][0]["candidate_rank"], 2);
  EXPECT_EQ(candidate["culprits"][0]["kl_share"], 0.75);
  EXPECT_EQ(candidate["culprits_kl"], 0.04);
  EXPECT_EQ(candidate["culprits_chunks"], 2);
}

TEST(ComparisonJson, TapsAndFlipsAreAlwaysThere) {
  compare::Comparison comparison;
  comparison.candidates.emplace_back();
  const nlohmann::ordered_json json = to_json(comparison)["candidates"][0];
  EXPECT_EQ(json["taps"], nlohmann::ordered_json::array());
  EXPECT_EQ(json["flips"], nlohmann::ordered_json::array());
  EXPECT_FALSE(json.contains("ppl"));
}

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({{"name", Table::Align::left}, {"n"}});
  table.add({"Zürich", "7"});
  table.add({"x", "123"});
  EXPECT_EQ(table.text(),
            "  name      n\n"
            "  Zürich    7\n"
            "  x       123\n");
}

}  // namespace
}  // namespace assay::report
