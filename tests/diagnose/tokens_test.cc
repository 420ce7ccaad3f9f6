// Ids of a prompt with every mistake of the gate, made by hand.
#include "diagnose/gates/tokens.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace assay {
namespace {

using diagnose::Finding;
using diagnose::GateReport;
using tokenizer::Token;
using Ids = std::vector<Token>;

struct Vocabulary {
  explicit Vocabulary(const std::filesystem::path& path)
      : file(gguf::File::open(path)), tokenizer(tokenizer::Tokenizer::from_gguf(file)) {}
  GateReport check(std::optional<std::string_view> prompt, const Ids& ids) const {
    return diagnose::check_tokens(file, *tokenizer, prompt, ids);
  }
  Ids encode(std::string_view text) const { return tokenizer->encode(text); }
  /// The ids of these pieces, as the file writes them.
  Ids ids(const std::vector<std::string>& texts) const {
    Ids found;
    for (const std::string& text : texts) {
      Token id = 0;
      while (tokenizer->text(id) != text) ++id;
      found.push_back(id);
    }
    return found;
  }

  gguf::File file;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer;
};

const Vocabulary& kingjames() {
  static const Vocabulary vocabulary(std::filesystem::path(ASSAY_MODELS) / "kingjames-7m.f16.gguf");
  return vocabulary;
}

/// "bos_missing", "space_prefix missing", "a + b".
std::string faults(const GateReport& report) {
  std::string all;
  for (const Finding& finding : report.findings) {
    EXPECT_EQ(finding.operation, "tokens");
    EXPECT_FALSE(finding.claim.empty() || finding.remedy.empty() || finding.sources.empty()) << finding.fault;
    EXPECT_EQ(finding.claim.find("{}"), std::string::npos) << finding.claim;
    all += all.empty() ? finding.fault : " + " + finding.fault;
    if (!finding.parameters.empty() && finding.parameters[0].name != "token") {
      all += " " + finding.parameters[0].value;
    }
  }
  return all;
}

constexpr const char* kPrompt = "And the LORD said unto Moses";

TEST(Tokens, RightIdsAreRight) {
  const Vocabulary& v = kingjames();
  for (const char* prompt : {kPrompt, "", " two  spaces", "a\n", "\xE2\x82\xAC and <s> inside</s>"}) {
    const GateReport report = v.check(prompt, v.encode(prompt));
    EXPECT_EQ(faults(report), "") << prompt;
    EXPECT_TRUE(report.notes.empty()) << prompt;
  }
}

TEST(Tokens, MistakesAroundTheText) {
  const Vocabulary& v = kingjames();
  const Ids right = v.encode(kPrompt);
  ASSERT_EQ(right.front(), 1);
  Ids missing(right.begin() + 1, right.end());
  Ids twice = right;
  twice.insert(twice.begin(), 1);
  Ids ended = right;
  ended.push_back(2);
  Ids repeated = right;
  repeated.push_back(right.back());
  EXPECT_EQ(faults(v.check(kPrompt, missing)), "bos_missing");
  EXPECT_EQ(faults(v.check(kPrompt, twice)), "bos_double");
  EXPECT_EQ(faults(v.check(kPrompt, ended)), "eos_appended");
  EXPECT_EQ(faults(v.check(kPrompt, repeated)), "last_token_twice");
  // The one of a published case: no BOS, and an end token behind the prompt.
  missing.push_back(2);
  EXPECT_EQ(faults(v.check(kPrompt, missing)), "bos_missing + eos_appended");

  const Finding finding = v.check(kPrompt, twice).findings.at(0);
  EXPECT_GE(finding.confidence, 0.9);
  EXPECT_NE(finding.fingerprint.find("place 1: theirs 1 '<s>'"), std::string::npos) << finding.fingerprint;
  EXPECT_GT(finding.residual_before, 0.5);
  EXPECT_EQ(finding.residual_after, 0);
}

TEST(Tokens, BosThatTheTextSpellsItselfIsOne) {
  const Vocabulary& v = kingjames();
  const std::string text = std::string("<s>") + kPrompt;
  const Ids double_bos = v.encode(text);
  ASSERT_EQ(double_bos[1], 1);
  EXPECT_EQ(faults(v.check(text, Ids(double_bos.begin() + 1, double_bos.end()))), "");
  EXPECT_EQ(faults(v.check(text, double_bos)), "bos_double");
}

TEST(Tokens, SpacesOfSentencePiece) {
  const Vocabulary& v = kingjames();
  const char* prompt = "the end";
  const Ids without = v.ids({"<s>", "th", "e", "\u2581end"});
  ASSERT_EQ(v.encode(prompt), v.ids({"<s>", "\u2581the", "\u2581end"}));
  EXPECT_EQ(faults(v.check(prompt, without)), "space_prefix missing");
  EXPECT_EQ(faults(v.check(prompt, v.ids({"<s>", "\u2581", "\u2581the", "\u2581end"}))), "space_prefix doubled");
  EXPECT_EQ(faults(v.check("</s>the end", v.ids({"<s>", "</s>", "th", "e", "\u2581end"}))), "space_prefix missing");
  EXPECT_EQ(faults(v.check("the</s>the end", v.ids({"<s>", "\u2581the", "</s>", "th", "e", "\u2581end"}))),
            "space_prefix only_first");
  EXPECT_EQ(faults(v.check(prompt, Ids(without.begin() + 1, without.end()))), "bos_missing + space_prefix missing");
}

TEST(Tokens, SpecialTokensAsText) {
  const Vocabulary& v = kingjames();
  const std::string text = "the end</s>";
  const Ids spelled = v.tokenizer->encode(text, {.add_special = true, .parse_special = false});
  EXPECT_EQ(std::count(spelled.begin(), spelled.end(), 2), 0);
  EXPECT_EQ(faults(v.check(text, spelled)), "special_as_text");
  EXPECT_EQ(faults(v.check(std::nullopt, spelled)), "special_as_text");
  const Finding alone = v.check(std::nullopt, spelled).findings[0];
  EXPECT_LT(alone.confidence, 0.5);
  EXPECT_GT(alone.residual_before, 0);
  EXPECT_NE(alone.fingerprint.find("right 2 '</s>'"), std::string::npos) << alone.fingerprint;
}

TEST(Tokens, AnotherText) {
  const Vocabulary& v = kingjames();
  const std::string prompt = std::string(kPrompt) + "\n";
  EXPECT_EQ(faults(v.check(prompt, v.encode(kPrompt))), "prompt_text newline_missing");
  EXPECT_EQ(faults(v.check(kPrompt, v.encode(prompt))), "prompt_text newline_appended");
  EXPECT_EQ(faults(v.check("  the end ", v.encode("the end"))), "prompt_text trimmed");
  EXPECT_EQ(faults(v.check(kPrompt, v.encode("And the LORD said"))), "prompt_text truncated");
  EXPECT_EQ(faults(v.check(kPrompt, v.encode("And it came to pass"))), "unknown");
  const Ids whole = v.encode(std::string("Thus: ") + kPrompt + " spake");
  EXPECT_EQ(faults(v.check(kPrompt, whole)), "prompt_text wrapped");
  // What was decoded behind the prompt is none of the prompt's.
  const GateReport longer = v.check(kPrompt, v.encode(std::string(kPrompt) + ", Go in unto Pharaoh"));
  EXPECT_EQ(faults(longer), "");
  EXPECT_EQ(longer.notes.size(), 1U);
}

TEST(Tokens, OutsideTheVocabulary) {
  const GateReport report = kingjames().check(kPrompt, {1, 4096, 7, -1});
  EXPECT_EQ(faults(report), "outside_vocabulary 4096");
  EXPECT_NE(report.findings[0].fingerprint.find("2 of 4 ids, the first at place 1"), std::string::npos);
}

TEST(Tokens, OtherMergesOfTheSameText) {
  const Vocabulary& v = kingjames();
  const char* prompt = "the end";
  EXPECT_EQ(faults(v.check(prompt, v.ids({"<s>", "\u2581", "t", "h", "e", "\u2581", "e", "n", "d"}))),
            "pre_tokenizer unknown");
}

TEST(Tokens, IdsAlone) {
  const Vocabulary& v = kingjames();
  const Ids right = v.encode(kPrompt);
  EXPECT_EQ(faults(v.check(std::nullopt, right)), "");
  EXPECT_EQ(faults(v.check(std::nullopt, Ids(right.begin() + 1, right.end()))), "bos_missing");
  EXPECT_EQ(faults(v.check(std::nullopt, v.ids({"<s>", "<s>", "\u2581the", "\u2581end"}))), "bos_double");
  EXPECT_EQ(faults(v.check(std::nullopt, v.ids({"<s>", "\u2581the", "\u2581end", "</s>"}))), "eos_appended");
  EXPECT_EQ(faults(v.check(std::nullopt, v.ids({"<s>", "\u2581the", "\u2581end", "\u2581end"}))), "last_token_twice");
  EXPECT_EQ(faults(v.check(std::nullopt, v.ids({"<s>", "th", "e", "\u2581end"}))), "space_prefix missing");
  // Ids that nobody made of a text.
  const GateReport made_up = v.check(std::nullopt, {1, 300, 17, 299, 4000, 1234, 259, 77, 2000});
  EXPECT_EQ(faults(made_up), "");
  EXPECT_EQ(made_up.notes.size(), 1U);
}

TEST(Tokens, PreTokenizersOfByteLevelVocabularies) {
  const auto path = std::filesystem::path(ASSAY_DATA) / "vocab" / "ggml-vocab-gpt-2.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const Vocabulary v(path);
  const char* prompt = "at 2023";
  // \u0120 is a space. SmolLM's rule cuts numbers into digits.
  ASSERT_EQ(v.encode(prompt), v.ids({"at", "\u012020", "23"}));
  const GateReport digits = v.check(prompt, v.ids({"at", "\u0120", "2", "0", "2", "3"}));
  ASSERT_EQ(digits.findings.size(), 1U);
  EXPECT_EQ(digits.findings[0].fault, "pre_tokenizer");
  const std::string like = digits.findings[0].parameters.at(0).value;
  EXPECT_NE(like.find("smollm or qwen2"), std::string::npos) << like;
  EXPECT_EQ(like.find("falcon"), std::string::npos) << like;
  EXPECT_NE(digits.findings[0].fingerprint.find("place 1: theirs 220 ' ', 17 '2'"), std::string::npos)
      << digits.findings[0].fingerprint;
  // One token stands over the border of two pieces.
  EXPECT_NE(faults(v.check("a\n\nb", v.ids({"a", "\u010A\u010A", "b"}))).find("none"), std::string::npos);
}

}  // namespace
}  // namespace assay
