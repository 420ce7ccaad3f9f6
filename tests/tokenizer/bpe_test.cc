// Byte-level BPE: merges in order, pre-tokenizers by name, and text that is not UTF-8.
#include <chrono>

#include <gtest/gtest.h>

#include "tests/tokenizer/made_vocabulary.h"
#include "tokenizer/pre_tokenizer.h"

namespace assay::tokenizer {
namespace {

using Strings = std::vector<std::string>;
using Views = std::vector<std::string_view>;
using Ids = std::vector<Token>;

TEST(Bpe, MergesInTheirOrder) {
  MadeTokenizer tokenizer(made_bpe({"b c", "a b", "ab c", "a bc"}).writer());
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("abc")), (Strings{"abc"}));
  MadeTokenizer other(made_bpe({"a b", "b c"}).writer());
  EXPECT_EQ(texts(*other, other->encode("abc")), (Strings{"ab", "c"}));
  EXPECT_EQ(texts(*other, other->encode("bcab")), (Strings{"bc", "ab"}));
}

TEST(Bpe, EqualMergesLeftmost) {
  MadeTokenizer tokenizer(made_bpe({"a a"}).writer());
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("aaaaa")), (Strings{"aa", "aa", "a"}));
}

TEST(Bpe, ARepeatedMergeKeepsItsFirstRank) {
  MadeVocabulary made = made_bpe({"a b", "b c"});
  made.merges.insert(made.merges.end(), {"b c", "a b"});
  MadeTokenizer tokenizer(made.writer());
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("abc")), (Strings{"ab", "c"}));
}

TEST(Bpe, EveryByteSurvives) {
  MadeTokenizer tokenizer(made_bpe({"a b"}).writer());
  std::string all;
  for (int byte = 255; byte >= 0; --byte) all += static_cast<char>(byte);
  const Ids ids = tokenizer->encode(all);
  EXPECT_EQ(ids.size(), 256U);
  EXPECT_EQ(tokenizer->decode(ids), all);
  EXPECT_EQ(tokenizer->encode("\xff"), (Ids{255}));
}

TEST(Bpe, AMissingByteIsLeftOut) {
  MadeVocabulary made = made_bpe({});
  made.tokens['x'] = "nothing";
  MadeTokenizer tokenizer(made.writer());
  EXPECT_EQ(tokenizer->encode("axb"), (Ids{'a', 'b'}));
}

TEST(Bpe, CharactersOutsideTheAlphabetStandForThemselves) {
  MadeVocabulary made = made_bpe({});
  made.add("\u4f60 \u00e9");  // a space and a character that no byte is written as
  made.add("\xff\xc3");
  MadeTokenizer tokenizer(made.writer());
  EXPECT_EQ(tokenizer->piece(257), "\u4f60 \xe9");
  EXPECT_EQ(tokenizer->piece(258), "\xff\xc3");
}

TEST(Bpe, WholePiecesNeedNoMergesInLlama3) {
  MadeVocabulary made = made_bpe({"a b"}, "llama-bpe");
  made.add("abcd");
  MadeTokenizer tokenizer(made.writer());
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("abcd")), (Strings{"abcd"}));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("abc")), (Strings{"ab", "c"}));
  made.pre = "gpt-2";
  EXPECT_EQ(texts(*tokenizer, MadeTokenizer(made.writer())->encode("abcd")), (Strings{"ab", "c", "d"}));
}

TEST(Bpe, BosByDefaultOnlyForLlama3) {
  for (const auto& [pre, adds] : {std::pair("llama-bpe", true), std::pair("gpt-2", false)}) {
    gguf::Writer writer = made_bpe({}, pre).writer();
    writer.add_uint("tokenizer.ggml.bos_token_id", 7);
    MadeTokenizer tokenizer(writer);
    EXPECT_EQ(tokenizer->adds_bos(), adds);
    EXPECT_EQ(tokenizer->encode(""), adds ? Ids{7} : Ids{});
    EXPECT_EQ(tokenizer->encode("a", {.add_special = false}), Ids{'a'});
  }
}

TEST(PreTokenizer, Pieces) {
  EXPECT_EQ(PreTokenizer("gpt-2").split("I'll  go1 23!"), (Views{"I", "'ll", " ", " go", "1", " 23", "!"}));
  EXPECT_EQ(PreTokenizer("gpt-2").split("a \n b  "), (Views{"a", " \n", " b", "  "}));
  EXPECT_EQ(PreTokenizer("smollm").split("go 123"), (Views{"go", " ", "1", "2", "3"}));
  EXPECT_EQ(PreTokenizer("llama-bpe").split("It'S 12345\n\n x"), (Views{"It", "'S", " ", "123", "45", "\n\n", " x"}));
  EXPECT_EQ(PreTokenizer("qwen2").split("a 12"), (Views{"a", " ", "1", "2"}));
  EXPECT_EQ(PreTokenizer("falcon").split("12345 `x`"), (Views{"123", "45", " ", "`", "x", "`"}));
  EXPECT_EQ(PreTokenizer("deepseek-llm").split(" ab \u4f60\n"), (Views{" ab", " ", "\u4f60", "\n"}));
  EXPECT_TRUE(PreTokenizer("default").split("").empty());
}

TEST(PreTokenizer, UnicodeDecidesWhatASpaceIs) {
  // U+0085 and U+3000 are spaces, U+180E and U+200B are not.
  EXPECT_EQ(PreTokenizer("gpt-2").split("a\u0085\u3000"), (Views{"a", "\u0085\u3000"}));
  EXPECT_EQ(PreTokenizer("gpt-2").split(" \u180e"), (Views{" \u180e"}));
  EXPECT_EQ(PreTokenizer("gpt-2").split(" \u200b"), (Views{" \u200b"}));
}

TEST(PreTokenizer, IllFormedBytesStandApart) {
  EXPECT_EQ(PreTokenizer("gpt-2").split("ab\xff\xfe  cd\xc3"), (Views{"ab", "\xff\xfe", " ", " cd", "\xc3"}));
  EXPECT_EQ(PreTokenizer("gpt-2").split("\xed\xa0\x80x"), (Views{"\xed\xa0\x80", "x"}));
}

TEST(PreTokenizer, LongRunsTakeAboutLinearTime) {
  const auto start = std::chrono::steady_clock::now();
  for (const auto& [pre, size] : {std::pair("llama-bpe", 1U << 20), std::pair("deepseek-llm", 1U << 18)}) {
    MadeTokenizer tokenizer(
        made_bpe({"a a", "aa aa", "aaaa aaaa", "\u0120 \u0120", "\u0120\u0120 \u0120\u0120"}, pre).writer());
    EXPECT_EQ(tokenizer->encode(std::string(size, 'a')).size(), size / 8) << pre;
    EXPECT_EQ(tokenizer->encode(std::string(size, ' ')).size(), size / 4) << pre;
    EXPECT_EQ(tokenizer->encode(std::string(size, '\xff')).size(), size) << pre;
  }
  const std::size_t size = 1U << 18;
  std::string words;
  while (words.size() < size) words += "Ab cd ";
  for (const std::string_view name : PreTokenizer::names()) {
    for (const std::string_view unit : {"A", " ", "7"}) {
      std::string run;
      while (run.size() < size) run += unit;
      EXPECT_FALSE(PreTokenizer(name).split(run).empty());
    }
    EXPECT_FALSE(PreTokenizer(name).split(words).empty());
  }
  // Quadratic time would be hours.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace assay::tokenizer
