// What broken vocabularies do: an error that names file, key and entry, or the tolerance that vocabulary.h states.
#include <cmath>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/tokenizer/made_vocabulary.h"

namespace assay::tokenizer {
namespace {

using Ids = std::vector<Token>;
using Strings = std::vector<std::string>;

void expect_error(const gguf::Writer& writer, ErrorKind kind, const std::vector<std::string>& words) {
  try {
    MadeTokenizer made(writer);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    for (const std::string& word : words) {
      EXPECT_NE((error.what() + error.hint()).find(word), std::string::npos) << word << " in: " << error.what();
    }
  }
}

TEST(Vocabulary, AbsentOrEmptyTokens) {
  expect_error(MadeVocabulary{.model = "llama", .tokens = {}}.writer(), ErrorKind::input,
               {"made.gguf", "tokenizer.ggml.tokens"});
  gguf::Writer writer;
  expect_error(writer, ErrorKind::input, {"made.gguf", "tokenizer.ggml.model"});
}

TEST(Vocabulary, UnknownModelListsTheKnown) {
  expect_error(MadeVocabulary{.model = "rwkv", .tokens = {"a"}}.writer(), ErrorKind::unsupported,
               {"made.gguf", "rwkv", "llama", "gpt2", "t5", "bert"});
  expect_error(MadeVocabulary{.model = "plamo2", .tokens = {"a"}}.writer(), ErrorKind::unsupported, {"plamo2"});
  expect_error(MadeVocabulary{.model = "no_vocab", .tokens = {}}.writer(), ErrorKind::input, {"no_vocab"});
}

/// A "t5" vocabulary with a compiled normalisation of these bytes.
gguf::Writer with_charsmap(const std::vector<std::int32_t>& blob) {
  MadeVocabulary made{.model = "t5", .tokens = {"<pad>", "</s>", "<unk>", "\u2581", "a"}, .scores = {0, 0, 0, -2, -1}};
  made.kinds = {3, 3, 2, 1, 1};
  gguf::Writer writer = made.writer();
  writer.add_ints("tokenizer.ggml.precompiled_charsmap", blob);
  return writer;
}

TEST(Vocabulary, BrokenNormalisations) {
  const auto fails = [](const std::vector<std::int32_t>& blob, const char* problem) {
    expect_error(with_charsmap(blob), ErrorKind::input, {"precompiled_charsmap", problem});
  };
  fails({1, 0, 0}, "3 bytes");
  fails({8, 0, 0, 0, 1, 2, 3, 4}, "has 8 bytes, and 4 follow");
  fails({3, 0, 0, 0, 1, 2, 3, 4}, "has 3 bytes");
  fails({0, 0, 0, 0, 'x'}, "last replacement");
  // A trie of one node, whose children lie outside.
  MadeTokenizer made(with_charsmap({4, 0, 0, 0, 0, 4, 0, 0}));
  EXPECT_THROW(made->encode("a"), Error);
}

TEST(Vocabulary, UnigramWithoutNormalisationOrUnknownToken) {
  MadeVocabulary made{.model = "t5", .tokens = {"a", "</s>", "b", "ab"}, .scores = {-1, 0, -1, -2}};
  made.kinds = {1, 3, 1, 1};
  MadeTokenizer tokenizer(made.writer());
  // Of two ways with one sum, the one that was found first: the longer token.
  EXPECT_EQ(tokenizer->encode("ab"), (Ids{3, 1}));
  EXPECT_EQ(tokenizer->encode("ba"), (Ids{2, 0, 1}));
}

TEST(Vocabulary, UnknownPreTokenizerListsTheKnown) {
  expect_error(made_bpe({}, "klingon").writer(), ErrorKind::unsupported,
               {"made.gguf", "klingon", "default", "gpt-2", "llama-bpe", "smollm", "qwen2", "falcon", "starcoder",
                "deepseek-llm"});
}

TEST(Vocabulary, AbsentPreTokenizerIsDefaultAndSaysSo) {
  MadeVocabulary vocabulary = made_bpe({"1 2", "3 4"}, "");
  MadeTokenizer made(vocabulary.writer());
  EXPECT_EQ(made->pre_tokenizer(), "");
  // "default" cuts numbers into threes.
  EXPECT_EQ(texts(*made, made->encode("1234")), (Strings{"12", "3", "4"}));
  vocabulary.pre = "gpt-2";
  EXPECT_EQ(texts(*MadeTokenizer(vocabulary.writer()), made->encode("34")), (Strings{"34"}));
}

TEST(Vocabulary, ArraysOfDifferentLengths) {
  MadeVocabulary made = made_spm();
  made.scores.pop_back();
  expect_error(made.writer(), ErrorKind::input, {"made.gguf", "tokenizer.ggml.scores", "258", "259"});
  made = made_spm();
  made.scores.push_back(0);
  expect_error(made.writer(), ErrorKind::input, {"tokenizer.ggml.scores", "260", "259"});
  made = made_spm();
  made.kinds.resize(3);
  expect_error(made.writer(), ErrorKind::input, {"tokenizer.ggml.token_type", "3", "259"});
  made = made_spm();
  made.scores.clear();
  expect_error(made.writer(), ErrorKind::input, {"tokenizer.ggml.scores"});
  made = made_bpe({});
  made.merges.clear();
  expect_error(made.writer(), ErrorKind::input, {"tokenizer.ggml.merges"});
}

TEST(Vocabulary, WrongTypes) {
  gguf::Writer numbers;
  numbers.add_string("tokenizer.ggml.model", "llama");
  numbers.add_ints("tokenizer.ggml.tokens", std::vector<std::int32_t>{1, 2, 3});
  expect_error(numbers, ErrorKind::input, {"tokenizer.ggml.tokens"});
  gguf::Writer writer = made_spm().writer();
  writer.add_string("tokenizer.ggml.bos_token_id", "one");
  expect_error(writer, ErrorKind::input, {"tokenizer.ggml.bos_token_id"});
}

TEST(Vocabulary, KindsAndScoresOutOfRange) {
  MadeVocabulary made = made_spm();
  made.kinds[7] = 9;
  expect_error(made.writer(), ErrorKind::input, {"tokenizer.ggml.token_type[7]", "9"});
  made = made_spm();
  made.scores[5] = std::nanf("");
  expect_error(made.writer(), ErrorKind::input, {"tokenizer.ggml.scores[5]"});
}

TEST(Vocabulary, MalformedByteTokens) {
  for (const char* text : {"<0xZZ>", "<0x-1>", "<0x", "<0x1>", "<0x012>", "0x0A", "", "<0x0A>>"}) {
    MadeVocabulary made = made_spm();
    made.tokens[13] = text;
    expect_error(made.writer(), ErrorKind::input, {"made.gguf", "tokenizer.ggml.tokens[13]", "byte token"});
  }
}

TEST(Vocabulary, MalformedMerges) {
  for (const char* merge : {"ab", "", " ", "a", " a"}) {
    MadeVocabulary made = made_bpe({"a b"});
    made.merges.emplace_back(merge);
    expect_error(made.writer(), ErrorKind::input, {"made.gguf", "tokenizer.ggml.merges[1]"});
  }
  for (const char* merge : {"a \u00e9\u00e9", "zz b", "a c", "a b c", "a "}) {
    MadeVocabulary made = made_bpe({"a b"});
    made.merges.emplace_back(merge);
    expect_error(made.writer(), ErrorKind::input, {"tokenizer.ggml.merges[1]", "no token"});
  }
}

TEST(Vocabulary, IdsOutsideAreAbsent) {
  gguf::Writer writer = made_spm().writer();
  writer.add_uint("tokenizer.ggml.bos_token_id", 0xFFFFFFFF);
  writer.add_uint("tokenizer.ggml.eos_token_id", 259);
  writer.add_uint("tokenizer.ggml.padding_token_id", 0xFFFFFFFF);
  writer.add_uint("tokenizer.ggml.eot_token_id", 1000000);
  MadeTokenizer made(writer);
  EXPECT_EQ(made->bos(), 1);  // as if absent: the model's default
  EXPECT_EQ(made->eos(), 2);

  gguf::Writer without = made_bpe({}).writer();
  without.add_uint("tokenizer.ggml.bos_token_id", 0xFFFFFFFF);
  MadeTokenizer bpe(without);
  EXPECT_EQ(bpe->bos(), std::nullopt);
  EXPECT_FALSE(bpe->adds_bos());
}

TEST(Vocabulary, DefaultIdsOutsideATinyVocabulary) {
  MadeVocabulary tiny{.model = "llama", .tokens = {"a"}, .scores = {0}};
  MadeTokenizer made(tiny.writer());
  EXPECT_EQ(made->bos(), std::nullopt);
  EXPECT_EQ(made->eos(), std::nullopt);
  EXPECT_FALSE(made->adds_bos());
  EXPECT_EQ(made->encode("aXa"), (std::vector<Token>{0, 0, 0, 0}));  // the space and X become <unk>, which is id 0
}

TEST(Vocabulary, AskingForATokenThatIsNotNamed) {
  gguf::Writer writer = made_bpe({}).writer();
  writer.add_bool("tokenizer.ggml.add_bos_token", true);
  expect_error(writer, ErrorKind::input, {"add_bos_token", "bos_token_id"});
  gguf::Writer eos = made_bpe({}).writer();
  eos.add_bool("tokenizer.ggml.add_eos_token", true);
  expect_error(eos, ErrorKind::input, {"add_eos_token", "eos_token_id"});
}

TEST(Vocabulary, EmptyDuplicateAndIllFormedTokensAreTolerated) {
  MadeVocabulary made = made_spm();
  made.add("", TokenKind::normal, 5);
  made.add("", TokenKind::control);
  made.add("", TokenKind::user_defined);
  made.add("ab", TokenKind::normal, -1);  // id 262
  made.add("ab", TokenKind::normal, 9);
  made.add("\xff\xfe", TokenKind::normal, 1);
  made.add("<|x|>", TokenKind::control);
  made.add("<|x|>", TokenKind::control);
  made.add("\u2581");
  MadeTokenizer tokenizer(made.writer());
  const std::vector<Token> ids = tokenizer->encode("ab", {.add_special = false});
  EXPECT_EQ(ids.back(), 262);
  EXPECT_EQ(tokenizer->piece(263), "ab");
  EXPECT_EQ(tokenizer->piece(259), "");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("x\xff\xfey", {.add_special = false})), "x\xff\xfey");
  EXPECT_EQ(tokenizer->encode("<|x|>", {.add_special = false}), (std::vector<Token>{265}));
}

TEST(Vocabulary, WellKnownNamesEndGeneration) {
  MadeVocabulary made = made_bpe({});
  made.add("<|im_end|>");  // id 257, marked as normal
  made.add("<|eot_id|>", TokenKind::control);
  made.add("stop", TokenKind::control);
  made.add("<fim_prefix>");
  gguf::Writer writer = made.writer();
  writer.add_uint("tokenizer.ggml.eom_token_id", 259);
  MadeTokenizer tokenizer(writer);
  EXPECT_TRUE(tokenizer->ends_generation(257));
  EXPECT_TRUE(tokenizer->ends_generation(258));
  EXPECT_TRUE(tokenizer->ends_generation(259));
  EXPECT_FALSE(tokenizer->ends_generation(260));
  EXPECT_FALSE(tokenizer->ends_generation(0));
  EXPECT_EQ(tokenizer->kind(257), TokenKind::control);
  EXPECT_EQ(tokenizer->kind(260), TokenKind::control);
  EXPECT_EQ(tokenizer->encode("a<|im_end|>"), (std::vector<Token>{'a', 257}));
  EXPECT_EQ(tokenizer->piece(257, false), "");
}

TEST(Vocabulary, EndOfMessageIsNotEndOfAnswerWithChannels) {
  MadeVocabulary made = made_bpe({});
  for (const char* name : {"<|end|>", "<|return|>", "<|call|>"}) made.add(name, TokenKind::control);
  MadeTokenizer tokenizer(made.writer());
  EXPECT_FALSE(tokenizer->ends_generation(257));
  EXPECT_TRUE(tokenizer->ends_generation(258));
  EXPECT_TRUE(tokenizer->ends_generation(259));
}

TEST(Vocabulary, IdsOfAnotherModel) {
  MadeTokenizer tokenizer(made_spm().writer());
  for (const Token id : {-1, 259, 2147483647}) {
    EXPECT_THROW(tokenizer->piece(id), Error);
    EXPECT_THROW(tokenizer->text(id), Error);
    EXPECT_THROW(tokenizer->kind(id), Error);
    EXPECT_THROW(tokenizer->ends_generation(id), Error);
    EXPECT_THROW(tokenizer->decode({1, id}), Error);
  }
}

}  // namespace
}  // namespace assay::tokenizer
