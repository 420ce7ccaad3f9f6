#include "engine/generate.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/model.h"

namespace assay::engine {
namespace {

/// Says token (last + 1) % 10 after every token, and counts what it is asked to evaluate.
class Counter final : public Engine {
 public:
  SequenceId add_sequence() override { return 0; }
  void remove_sequence(SequenceId) override {}
  void truncate(SequenceId, std::size_t length) override { said_.resize(length); }
  std::size_t length(SequenceId) const override { return said_.size(); }
  std::size_t context_length() const override { return 12; }
  void evaluate(std::span<const TokenInput> batch, Observer*) override {
    batches.push_back(batch.size());
    for (const TokenInput& input : batch) said_.push_back(input.token);
    logits_.assign(10, 0);
    logits_[static_cast<std::size_t>(said_.back() + 1) % 10] = 1;
  }
  Rows logits() const override { return {logits_.data(), nullptr, 1, 10}; }
  std::string description() const override { return "counter"; }

  std::vector<std::size_t> batches;

 private:
  std::vector<std::int32_t> said_;
  std::vector<float> logits_;
};

GenerateRequest after(std::vector<std::int32_t> prompt) {
  GenerateRequest request;
  request.prompt = std::move(prompt);
  return request;
}

TEST(Generate, StopsAtMaxTokens) {
  Counter engine;
  Sampler sampler({});
  GenerateRequest request = after({1, 2, 3});
  request.max_tokens = 4;
  request.prompt_piece = 2;
  const Generation generation = generate(engine, sampler, request);
  EXPECT_EQ(generation.tokens, (std::vector<std::int32_t>{4, 5, 6, 7}));
  EXPECT_EQ(generation.finish, FinishReason::max_tokens);
  EXPECT_EQ(engine.batches, (std::vector<std::size_t>{2, 1, 1, 1, 1}));
  EXPECT_EQ(generation.timing.prompt_tokens, 3U);
  EXPECT_EQ(generation.timing.decode_tokens, 3U);
  EXPECT_EQ(engine.length(0), 6U);
}

TEST(Generate, NoTokensAskedFor) {
  Counter engine;
  Sampler sampler({});
  GenerateRequest request = after({1});
  request.max_tokens = 0;
  EXPECT_TRUE(generate(engine, sampler, request).tokens.empty());
  EXPECT_EQ(engine.length(0), 1U);
}

TEST(Generate, StopsAtTheEndToken) {
  Counter engine;
  Sampler sampler({});
  GenerateRequest request = after({1});
  request.ends_generation = [](std::int32_t token) { return token == 4; };
  const Generation generation = generate(engine, sampler, request);
  EXPECT_EQ(generation.tokens, (std::vector<std::int32_t>{2, 3, 4}));
  EXPECT_EQ(generation.finish, FinishReason::end_of_generation);
}

TEST(Generate, StopsWhenTheContextIsFull) {
  Counter engine;
  Sampler sampler({});
  const Generation generation = generate(engine, sampler, after({1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(generation.tokens, (std::vector<std::int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(generation.finish, FinishReason::context_full);
  EXPECT_EQ(engine.length(0), engine.context_length());
}

TEST(Generate, CallbacksMayStop) {
  Counter engine;
  Sampler sampler({});
  GenerateRequest request = after({1, 2, 3, 4});
  request.prompt_piece = 2;
  std::vector<std::size_t> progress;
  request.on_prompt = [&](std::size_t done, std::size_t total) {
    EXPECT_EQ(total, 4U);
    progress.push_back(done);
    return true;
  };
  std::vector<std::int32_t> seen;
  request.on_token = [&](std::int32_t token) {
    seen.push_back(token);
    return seen.size() < 2;
  };
  Generation generation = generate(engine, sampler, request);
  EXPECT_EQ(generation.finish, FinishReason::stopped);
  EXPECT_EQ(generation.tokens, seen);
  EXPECT_EQ(progress, (std::vector<std::size_t>{2, 4}));

  engine.truncate(0, 0);
  request.on_prompt = [](std::size_t, std::size_t) { return false; };
  generation = generate(engine, sampler, request);
  EXPECT_EQ(generation.finish, FinishReason::stopped);
  EXPECT_TRUE(generation.tokens.empty());
  EXPECT_EQ(engine.length(0), 2U);
}

TEST(Generate, RefusesWhatDoesNotFit) {
  Counter engine;
  Sampler sampler({});
  EXPECT_THROW(generate(engine, sampler, after({})), Error);
  generate(engine, sampler, [] {
    GenerateRequest request = after({1, 2, 3});
    request.max_tokens = 1;
    return request;
  }());
  try {
    generate(engine, sampler, after(std::vector<std::int32_t>(10, 1)));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    const std::string text = error.what();
    for (const char* number : {"10", "3", "12"}) EXPECT_NE(text.find(number), std::string::npos) << text;
  }
  EXPECT_EQ(engine.length(0), 3U);
}

TEST(Generate, ReasonsHaveNames) {
  EXPECT_EQ(name(FinishReason::end_of_generation), "end_of_generation");
  EXPECT_EQ(name(FinishReason::context_full), "context_full");
}

}  // namespace
}  // namespace assay::engine
