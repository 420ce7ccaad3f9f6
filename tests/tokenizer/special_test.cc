// Added tokens in a text, and streams of tokens.
#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/tokenizer/made_vocabulary.h"

namespace assay::tokenizer {
namespace {

using Strings = std::vector<std::string>;
constexpr EncodeOptions kPlain = {.add_special = false, .parse_special = false};
constexpr EncodeOptions kParsed = {.add_special = false, .parse_special = true};

TEST(SpecialTokens, ControlOnlyWhenParsedUserDefinedAlways) {
  MadeVocabulary made = made_bpe({});
  made.add("<c>", TokenKind::control);
  made.add("<u>", TokenKind::user_defined);
  made.add("<?>", TokenKind::unknown);
  MadeTokenizer tokenizer(made.writer());
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("<c><u><?>", kParsed)), (Strings{"<c>", "<u>", "<?>"}));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("<c><u><?>", kPlain)), (Strings{"<", "c", ">", "<u>", "<", "?", ">"}));
  const std::vector<Token> ids = tokenizer->encode("<c><u>", kParsed);
  EXPECT_EQ(tokenizer->decode(ids, true), "<c><u>");
  EXPECT_EQ(tokenizer->decode(ids, false), "<u>");
}

TEST(SpecialTokens, LongerOnesTakeTheirPlacesFirst) {
  MadeVocabulary made = made_bpe({});
  for (const char* text : {"ab", "abc", "bcd", "cdef", "a", "aa"}) made.add(text, TokenKind::control);
  MadeTokenizer tokenizer(made.writer());
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("xabcdx", kParsed)), (Strings{"x", "abc", "d", "x"}));
  // "cdef" is longer than "abc", though it starts later.
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("abcdef", kParsed)), (Strings{"ab", "cdef"}));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("aaaac", kParsed)), (Strings{"aa", "aa", "c"}));
  // Of equal length, the lower id.
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("aab", kParsed)), (Strings{"a", "ab"}));
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("bcdabc", kParsed)), (Strings{"bcd", "abc"}));
}

TEST(SpecialTokens, TextBetweenThemIsItsOwnText) {
  MadeVocabulary made = made_bpe({"a b"});
  made.add("|", TokenKind::user_defined);
  MadeTokenizer tokenizer(made.writer());
  EXPECT_EQ(texts(*tokenizer, tokenizer->encode("ab|a|b||", kPlain)), (Strings{"ab", "|", "a", "|", "b", "|", "|"}));
}

TEST(SpecialTokens, Phi3LosesTheSpaceBehindThem) {
  MadeVocabulary made = made_bpe({});
  for (const char* text : {"<s>", "<|end|>", "<|user|>"}) made.add(text, TokenKind::control);
  const char* text = "<s>\na<|end|> \n\t<|user|>\n";
  MadeTokenizer other(made.writer());
  EXPECT_EQ(other->encode(text, kParsed).size(), 9U);
  gguf::Writer writer = made.writer();
  writer.add_string("general.name", "my Phi-3.5 Mini");
  MadeTokenizer phi(writer);
  EXPECT_EQ(texts(*phi, phi->encode(text, kParsed)), (Strings{"<s>", "\u010A", "a", "<|end|>", "<|user|>"}));
}

std::vector<std::string> stream(const Tokenizer& tokenizer, const std::vector<Token>& ids, bool render = true) {
  StreamDecoder decoder(tokenizer, render);
  std::vector<std::string> chunks;
  for (const Token id : ids) chunks.push_back(decoder.push(id));
  chunks.push_back(decoder.finish());
  return chunks;
}

TEST(StreamDecoder, CutsOnlyBetweenCharacters) {
  MadeTokenizer tokenizer(made_bpe({}).writer());
  const std::string text = "a\u00e9\u4f60\U0001F600z";
  EXPECT_EQ(stream(*tokenizer, tokenizer->encode(text)),
            (Strings{"a", "", "\u00e9", "", "", "\u4f60", "", "", "", "\U0001F600", "z", ""}));
}

TEST(StreamDecoder, IllFormedBytesBecomeReplacementCharacters) {
  MadeTokenizer tokenizer(made_bpe({}).writer());
  // An unfinished character at the end, one broken off by a letter, and a byte that starts nothing.
  EXPECT_EQ(stream(*tokenizer, {0xE4, 0xBD}), (Strings{"", "", "\uFFFD\uFFFD"}));
  EXPECT_EQ(stream(*tokenizer, {0xE4, 0xBD, 'x'}), (Strings{"", "", "\uFFFD\uFFFDx", ""}));
  EXPECT_EQ(stream(*tokenizer, {0xFF, 0x80, 'x'}), (Strings{"\uFFFD", "\uFFFD", "x", ""}));
  for (const std::string& chunk : stream(*tokenizer, {0xF0, 0x9F, 0xC3, 0xA9, 0xED, 0xA0, 0x80, 0xC3})) {
    EXPECT_EQ(find_invalid_utf8(chunk), std::string::npos);
  }
}

TEST(StreamDecoder, KeepsTheLeadingSpaceAndHidesControlTokens) {
  MadeVocabulary made = made_spm();
  made.add("\u2581a");
  MadeTokenizer tokenizer(made.writer());
  EXPECT_EQ(stream(*tokenizer, {259, 2}, false), (Strings{" a", "", ""}));
  EXPECT_EQ(stream(*tokenizer, {259, 2}, true), (Strings{" a", "</s>", ""}));
}

}  // namespace
}  // namespace assay::tokenizer
