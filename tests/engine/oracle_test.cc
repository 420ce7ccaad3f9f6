// The oracle's promises: the same bits whatever the threads, the batch and the company; and batches that are refused
// change nothing. That its values are right is judged by code that is not ours, in the tests in Python.
#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/engine.h"
#include "tests/support/tiny_model.h"

namespace assay::engine {
namespace {

using test::LoadedModel;
using test::TinyModel;

const std::vector<std::int32_t> kTokens = {1, 17, 42, 3, 3, 29, 8, 49, 0, 11, 25, 36, 7, 2, 44, 19, 5, 31, 23};

using Bits = std::vector<std::uint64_t>;

Bits bits_of(const Rows& rows) {
  Bits bits(rows.count * rows.width);
  std::memcpy(bits.data(), rows.f64, bits.size() * sizeof(double));
  return bits;
}

Bits joined(const std::vector<Bits>& pieces) {
  Bits all;
  for (const Bits& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

/// Logits of all tokens, evaluated in pieces of `piece`.
Bits evaluate(Engine& engine, SequenceId sequence, const std::vector<std::int32_t>& tokens, std::size_t piece) {
  std::vector<Bits> logits;
  for (std::size_t at = 0; at < tokens.size(); at += piece) {
    std::vector<TokenInput> batch;
    for (std::size_t i = at; i < std::min(at + piece, tokens.size()); ++i) batch.push_back({tokens[i], sequence, true});
    engine.evaluate(batch);
    logits.push_back(bits_of(engine.logits()));
  }
  return joined(logits);
}

class OracleTest : public testing::Test {
 protected:
  std::unique_ptr<Engine> make(int threads = 1, std::size_t context = 0) const {
    EngineOptions options;
    options.threads = threads;
    options.context_length = context;
    return make_oracle(model_->plan, options);
  }
  Bits alone(const std::vector<std::int32_t>& tokens) const {
    const auto engine = make();
    return evaluate(*engine, engine->add_sequence(), tokens, tokens.size());
  }

  LoadedModel model_{TinyModel{}};
};

TEST_F(OracleTest, SameBitsForAnyNumberOfThreads) {
  const Bits expected = alone(kTokens);
  for (const int threads : {2, 3}) {
    const auto engine = make(threads);
    EXPECT_EQ(evaluate(*engine, engine->add_sequence(), kTokens, kTokens.size()), expected) << threads;
  }
}

TEST_F(OracleTest, SameBitsForAnyPieces) {
  const Bits expected = alone(kTokens);
  for (const std::size_t piece : {1, 7}) {
    const auto engine = make(2);
    EXPECT_EQ(evaluate(*engine, engine->add_sequence(), kTokens, piece), expected) << piece;
  }
}

TEST_F(OracleTest, SameBitsAmongOtherSequences) {
  const std::vector<std::int32_t> other = {9, 9, 30, 12, 1};
  const auto engine = make(2);
  const SequenceId a = engine->add_sequence();
  const SequenceId b = engine->add_sequence();
  std::vector<TokenInput> batch;
  std::map<SequenceId, std::vector<std::size_t>> rows;
  for (std::size_t i = 0; i < kTokens.size(); ++i) {
    rows[a].push_back(batch.size());
    batch.push_back({kTokens[i], a, true});
    if (i >= other.size()) continue;
    rows[b].push_back(batch.size());
    batch.push_back({other[i], b, true});
  }
  engine->evaluate(batch);
  const Bits all = bits_of(engine->logits());
  const auto rows_of = [&](SequenceId sequence) {
    std::vector<Bits> picked;
    const auto width = static_cast<std::ptrdiff_t>(engine->logits().width);
    for (const std::size_t row : rows[sequence]) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(row) * width;
      picked.emplace_back(begin, begin + width);
    }
    return joined(picked);
  };
  EXPECT_EQ(rows_of(a), alone(kTokens));
  EXPECT_EQ(rows_of(b), alone(other));
  EXPECT_EQ(engine->length(a), kTokens.size());
  EXPECT_EQ(engine->length(b), other.size());
}

TEST_F(OracleTest, LogitsOnlyOfThoseWhoWantThem) {
  const Bits expected = alone(kTokens);
  const auto engine = make();
  const SequenceId sequence = engine->add_sequence();
  std::vector<TokenInput> batch;
  for (const std::int32_t token : kTokens) batch.push_back({token, sequence, batch.size() == 4 || batch.size() == 18});
  engine->evaluate(batch);
  ASSERT_EQ(engine->logits().count, 2U);
  const auto row = [&](std::ptrdiff_t i) { return Bits(expected.begin() + 50 * i, expected.begin() + 50 * (i + 1)); };
  EXPECT_EQ(bits_of(engine->logits()), joined({row(4), row(18)}));
  engine->evaluate(std::vector<TokenInput>{{1, sequence, false}});
  EXPECT_EQ(engine->logits().count, 0U);
}

TEST_F(OracleTest, TruncatedSequencesGoOnAsIfNothingHadBeen) {
  const Bits expected = alone(kTokens);
  const auto engine = make();
  const SequenceId sequence = engine->add_sequence();
  const std::vector<std::int32_t> start(kTokens.begin(), kTokens.begin() + 6);
  const std::vector<std::int32_t> rest(kTokens.begin() + 6, kTokens.end());
  const Bits first = evaluate(*engine, sequence, start, 6);
  evaluate(*engine, sequence, {48, 47, 46}, 3);
  engine->truncate(sequence, 6);
  EXPECT_EQ(engine->length(sequence), 6U);
  EXPECT_EQ(joined({first, evaluate(*engine, sequence, rest, 4)}), expected);
  engine->truncate(sequence, 0);
  EXPECT_EQ(evaluate(*engine, sequence, kTokens, 5), expected);
  engine->remove_sequence(sequence);
  EXPECT_THROW(engine->length(sequence), Error);
  EXPECT_THROW(engine->truncate(sequence, 0), Error);
}

TEST_F(OracleTest, RefusedBatchesChangeNothing) {
  const Bits expected = alone(kTokens);
  const auto engine = make(1, kTokens.size());
  EXPECT_EQ(engine->context_length(), kTokens.size());
  const SequenceId sequence = engine->add_sequence();
  const std::vector<std::int32_t> start(kTokens.begin(), kTokens.begin() + 12);
  const std::vector<std::int32_t> rest(kTokens.begin() + 12, kTokens.end());
  const Bits first = evaluate(*engine, sequence, start, 12);

  const auto message = [&](const std::vector<TokenInput>& batch) -> std::string {
    try {
      engine->evaluate(batch);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(std::vector<TokenInput>(8, {1, sequence, true})),
            "sequence 0 holds 12 positions, and 8 more pass its context of 19");
  EXPECT_EQ(message({{1, sequence, true}, {50, sequence, true}}), "token 50 is outside the vocabulary of 50");
  EXPECT_EQ(message({{1, sequence, true}, {-1, sequence, true}}), "token -1 is outside the vocabulary of 50");
  EXPECT_EQ(message({{1, sequence, true}, {1, 7, true}}), "there is no sequence 7");
  EXPECT_EQ(engine->length(sequence), 12U);
  EXPECT_EQ(bits_of(engine->logits()), first);
  EXPECT_EQ(joined({first, evaluate(*engine, sequence, rest, 7)}), expected);
}

TEST_F(OracleTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(make(-1), Error);
  EXPECT_THROW(make(1, std::size_t{1} << 40), Error);
  EXPECT_EQ(make()->context_length(), 64U);
}

/// Notes every tap, and gives up at one of them.
class Recorder final : public Observer {
 public:
  explicit Recorder(std::string stop = "") : stop_(std::move(stop)) {}
  void observe(const model::Value& value, const TapRows& rows) override {
    if (value.tap == stop_) throw std::runtime_error(stop_);
    ASSERT_EQ(rows.width, value.width);
    taps[value.tap] = bits_of(rows.rows());
    order.push_back(value.tap);
  }
  std::map<std::string, Bits> taps;
  std::vector<std::string> order;

 private:
  std::string stop_;
};

TEST_F(OracleTest, ObserversSeeEveryTap) {
  std::vector<std::string> expected;
  for (const model::Value& value : model_->plan.values) expected.push_back(value.tap);
  std::map<std::string, Bits> taps;
  for (const int threads : {1, 3}) {
    const auto engine = make(threads);
    const SequenceId sequence = engine->add_sequence();
    Recorder recorder;
    engine->evaluate(std::vector<TokenInput>{{4, sequence, false}, {5, sequence, true}, {6, sequence, false}},
                     &recorder);
    EXPECT_EQ(recorder.order, expected);
    EXPECT_EQ(recorder.taps["blk.1.out"].size(), 3U * 24);
    EXPECT_EQ(recorder.taps["final_norm"].size(), 24U);
    EXPECT_EQ(recorder.taps["logits"], bits_of(engine->logits()));
    if (threads == 1) taps = recorder.taps;
    EXPECT_EQ(recorder.taps, taps);
  }
}

TEST_F(OracleTest, ObserversMayThrow) {
  const auto engine = make(2);
  const SequenceId sequence = engine->add_sequence();
  Recorder recorder("blk.1.k");
  EXPECT_THROW(engine->evaluate(std::vector<TokenInput>{{4, sequence, true}}, &recorder), std::runtime_error);
  EXPECT_EQ(recorder.order.back(), "blk.1.q");
  EXPECT_EQ(engine->length(sequence), 0U);
  EXPECT_EQ(evaluate(*engine, sequence, kTokens, 7), alone(kTokens));
}

TEST(OracleOnKingJames, WritesItsKindOfText) {
  const model::Model model = model::load_model(gguf::File::open(ASSAY_MODELS "/kingjames-7m.f16.gguf"));
  EngineOptions options;
  options.threads = 1;
  const auto engine = make_oracle(model.plan, options);
  const SequenceId sequence = engine->add_sequence();
  const auto* pieces = model.file.get_strings("tokenizer.ggml.tokens");
  std::string text;
  std::int32_t token = 1;
  for (int i = 0; i < 16; ++i) {
    engine->evaluate(std::vector<TokenInput>{{token, sequence, true}});
    const Rows logits = engine->logits();
    token = static_cast<std::int32_t>(std::max_element(logits.f64, logits.f64 + logits.width) - logits.f64);
    text += (*pieces)[static_cast<std::size_t>(token)];
  }
  EXPECT_EQ(
      text,
      "\u2581And\u2581the\u2581LORD\u2581spake\u2581unto\u2581Moses,\u2581saying,\u2581Speak\u2581unto\u2581the\u2581"
      "children\u2581of\u2581Israel,");
}

}  // namespace
}  // namespace assay::engine
