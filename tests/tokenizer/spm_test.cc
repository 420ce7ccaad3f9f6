// SentencePiece BPE on vocabularies small enough to follow by hand.
#include <chrono>

#include <gtest/gtest.h>

#include "tests/tokenizer/made_vocabulary.h"

namespace assay::tokenizer {
namespace {

using Strings = std::vector<std::string>;
constexpr EncodeOptions kPlain = {.add_special = false, .parse_special = false};
constexpr EncodeOptions kParsed = {.add_special = false, .parse_special = true};

/// Letters a to d and the space as tokens, so that no byte fallback is in the way.
MadeVocabulary letters() {
  MadeVocabulary made = made_spm();
  for (const char* text : {"\u2581", "a", "b", "c", "d"}) made.add(text, TokenKind::normal, -100);
  return made;
}

gguf::Writer without_space_prefix(const MadeVocabulary& made) {
  gguf::Writer writer = made.writer();
  writer.add_bool("tokenizer.ggml.add_space_prefix", false);
  return writer;
}

TEST(Spm, BestScoreFirst) {
  MadeVocabulary made = letters();
  made.add("ab", TokenKind::normal, -2);
  made.add("bc", TokenKind::normal, -1);
  made.add("abc", TokenKind::normal, -3);
  MadeTokenizer tokenizer(without_space_prefix(made));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("abcab", kPlain)), (Strings{"abc", "ab"}));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("bcd", kPlain)), (Strings{"bc", "d"}));
}

TEST(Spm, EqualScoresMergeLeftmost) {
  MadeVocabulary made = letters();
  made.add("ab", TokenKind::normal, -5);
  made.add("bc", TokenKind::normal, -5);
  made.add("aa", TokenKind::normal, -5);
  MadeTokenizer tokenizer(without_space_prefix(made));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("abc", kPlain)), (Strings{"ab", "c"}));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("aaaaa", kPlain)), (Strings{"aa", "aa", "a"}));
}

TEST(Spm, SpacePrefix) {
  MadeVocabulary made = letters();
  made.add("\u2581a", TokenKind::normal, -1);
  MadeTokenizer with(made.writer());
  EXPECT_EQ(texts(*with, with->encode("a a", kPlain)), (Strings{"\u2581a", "\u2581a"}));
  EXPECT_EQ(texts(*with, with->encode(" a", kPlain)), (Strings{"\u2581", "\u2581a"}));
  EXPECT_TRUE(with->encode("", kPlain).empty());
  EXPECT_EQ(with->encode(""), (std::vector<Token>{1}));
  EXPECT_EQ(with->decode(with->encode(" a")), "<s> a");
  EXPECT_EQ(with->decode(with->encode(" a"), false), " a");

  MadeTokenizer without(without_space_prefix(made));
  EXPECT_EQ(texts(*without, without->encode("a a", kPlain)), (Strings{"a", "\u2581a"}));
  EXPECT_EQ(without->decode(without->encode(" a", kPlain)), " a");
}

TEST(Spm, SpacePrefixAfterSpecialTokens) {
  MadeVocabulary made = letters();
  MadeTokenizer tokenizer(made.writer());
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("a</s>b</s> c", kParsed)),
            (Strings{"\u2581", "a", "</s>", "\u2581", "b", "</s>", "\u2581", "\u2581", "c"}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a</s>b</s> c", kParsed)), "a</s>b</s> c");
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("</s>", kParsed)), (Strings{"</s>"}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a</s>b", kPlain)), "a</s>b");
}

TEST(Spm, WordsMergeAloneUnlessATokenSpansThem) {
  MadeVocabulary made = letters();
  made.add("a\u2581", TokenKind::normal, -1);
  made.add("\u2581b", TokenKind::normal, -2);
  made.add("\u2581\u2581", TokenKind::normal, -3);
  MadeTokenizer tokenizer(without_space_prefix(made));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("a b", kPlain)), (Strings{"a\u2581", "b"}));
  made.tokens[264] = "dd";
  MadeTokenizer words(without_space_prefix(made));
  EXPECT_EQ(texts(*words, words->encode("a   b", kPlain)), (Strings{"a", "\u2581\u2581", "\u2581b"}));
}

TEST(Spm, ByteFallback) {
  MadeTokenizer tokenizer(without_space_prefix(letters()));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("a\u00e9", kPlain)), (Strings{"a", "<0xC3>", "<0xA9>"}));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode(std::string_view("\0", 1), kPlain)), (Strings{"<0x00>"}));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("\xc3"
                                                "a",
                                                kPlain)),
            (Strings{"<0xC3>", "a"}));
}

TEST(Spm, UnknownTokenForARunWithoutByteTokens) {
  MadeVocabulary made{.model = "llama", .tokens = {}};
  made.add("<unk>", TokenKind::unknown);
  made.add("<s>", TokenKind::control);
  made.add("</s>", TokenKind::control);
  made.add("a");
  MadeTokenizer tokenizer(without_space_prefix(made));
  EXPECT_EQ(tokenizer->encode("a\u4f60\u597da\u4f60", kPlain), (std::vector<Token>{3, 0, 3, 0}));
}

TEST(Spm, PlainTextNeverBecomesAControlToken) {
  MadeVocabulary made = letters();
  for (const char* text : {"<", "s", ">"}) made.add(text);
  made.add("<s", TokenKind::normal, 1);
  MadeTokenizer tokenizer(without_space_prefix(made));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("<s>", kPlain)), (Strings{"<s", ">"}));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("<s>", kParsed)), (Strings{"<s>"}));
}

TEST(Spm, BosAndEosAsTheMetadataSays) {
  MadeVocabulary made = letters();
  EXPECT_TRUE(MadeTokenizer(made.writer())->adds_bos());
  EXPECT_FALSE(MadeTokenizer(made.writer())->adds_eos());
  gguf::Writer writer = made.writer();
  writer.add_bool("tokenizer.ggml.add_bos_token", false);
  writer.add_bool("tokenizer.ggml.add_eos_token", true);
  writer.add_uint("tokenizer.ggml.eos_token_id", 0);
  MadeTokenizer tokenizer(writer);
  EXPECT_EQ(tokenizer->encode(""), (std::vector<Token>{0}));
  EXPECT_EQ(tokenizer->bos(), 1);
}

TEST(Spm, LongRunsTakeAboutLinearTime) {
  MadeVocabulary made = letters();
  std::string run = "a";
  for (int i = 0; i < 8; ++i) {
    run += run;
    made.add(run, TokenKind::normal, static_cast<float>(-i));
  }
  MadeTokenizer tokenizer(without_space_prefix(made));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(tokenizer->encode(std::string(1 << 20, 'a'), kPlain).size(), 1U << 12);
  EXPECT_EQ(tokenizer->encode(std::string(1 << 20, ' '), kPlain).size(), 1U << 20);
  // Quadratic time would be hours.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

}  // namespace
}  // namespace assay::tokenizer
