// The same request gives the same bits: whatever the number of threads, the batches it is cut into, and who else is in
// them. Whole logits are compared, on the trained model that the repository ships.
#include "tests/support/fast.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/generate.h"
#include "model/model.h"

namespace assay::engine {
namespace {

using test::copy;
using test::evaluate;
using test::Recorder;
using test::same_bits;
using test::Tokens;
using test::with;

const model::Model& kingjames() {
  static const model::Model model =
      model::load_model(gguf::File::open(std::string(ASSAY_MODELS) + "/kingjames-7m.f16.gguf"));
  return model;
}

Tokens some_tokens(std::size_t count, std::uint32_t seed = 1) {
  Tokens tokens;
  for (std::size_t i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;
    tokens.push_back(static_cast<std::int32_t>(seed >> 8) % 4000 + 3);
  }
  return tokens;
}

class SameBits : public ::testing::TestWithParam<CacheType> {};
INSTANTIATE_TEST_SUITE_P(Caches, SameBits, ::testing::Values(CacheType::f32, CacheType::f16));

TEST_P(SameBits, AnyThreadsAndPieces) {
  const Tokens tokens = some_tokens(70);
  const auto one_thread = make_fast(kingjames().plan, with(1, GetParam()));
  const std::vector<float> reference = evaluate(*one_thread, tokens, tokens.size());
  for (const int threads : {1, 2, 3}) {
    const auto engine = make_fast(kingjames().plan, with(threads, GetParam()));
    for (const std::size_t piece : {1U, 7U, 64U, 70U}) {
      EXPECT_TRUE(same_bits(evaluate(*engine, tokens, piece), reference)) << threads << " threads, pieces of " << piece;
    }
  }
}

TEST_P(SameBits, AloneOrInCompany) {
  const auto engine = make_fast(kingjames().plan, with(2, GetParam()));
  const std::map<SequenceId, Tokens> texts = {{engine->add_sequence(), some_tokens(20, 1)},
                                              {engine->add_sequence(), some_tokens(9, 2)},
                                              {engine->add_sequence(), some_tokens(31, 3)}};
  std::map<SequenceId, std::vector<float>> in_company;
  // Uneven turns: each batch takes another number of tokens from each sequence.
  std::map<SequenceId, std::size_t> done;
  for (std::size_t turn = 0;; ++turn) {
    std::vector<TokenInput> batch;
    for (const auto& [sequence, tokens] : texts) {
      for (std::size_t n = (turn + static_cast<std::size_t>(sequence)) % 4; n > 0 && done[sequence] < tokens.size();
           --n) {
        batch.push_back({tokens[done[sequence]++], sequence, true});
      }
    }
    engine->evaluate(batch);
    const Rows logits = engine->logits();
    ASSERT_EQ(logits.count, batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      std::vector<float>& rows = in_company[batch[i].sequence];
      rows.insert(rows.end(), logits.f32 + i * logits.width, logits.f32 + (i + 1) * logits.width);
    }
    if (std::all_of(texts.begin(), texts.end(),
                    [&](const auto& text) { return done[text.first] == text.second.size(); }))
      break;
  }
  for (const auto& [sequence, tokens] : texts) {
    EXPECT_TRUE(same_bits(in_company[sequence], evaluate(*engine, tokens, tokens.size()))) << "sequence " << sequence;
  }
}

TEST_P(SameBits, AfterTruncation) {
  const auto engine = make_fast(kingjames().plan, with(2, GetParam()));
  const Tokens tokens = some_tokens(12);
  const std::vector<float> reference = evaluate(*engine, tokens, tokens.size());
  const SequenceId sequence = engine->add_sequence();
  std::vector<TokenInput> batch;
  for (const std::int32_t token : some_tokens(12, 9)) batch.push_back({token, sequence, false});
  batch[0].token = tokens[0];
  engine->evaluate(batch);
  engine->truncate(sequence, 1);
  EXPECT_EQ(engine->length(sequence), 1U);
  batch.clear();
  for (std::size_t i = 1; i < tokens.size(); ++i) batch.push_back({tokens[i], sequence, true});
  engine->evaluate(batch);
  const std::vector<float> tail(reference.begin() + static_cast<std::ptrdiff_t>(engine->logits().width),
                                reference.end());
  EXPECT_TRUE(same_bits(copy(engine->logits()), tail));
}

// Threads take groups of a long prompt's tokens; short pieces are computed by all together.
TEST(Fast, PromptLongerThanAPiece) {
  const Tokens tokens = some_tokens(530);
  const auto run = [&](int threads, std::size_t piece) {
    const auto engine = make_fast(kingjames().plan, with(threads, CacheType::f32, 600));
    const SequenceId sequences[] = {engine->add_sequence(), engine->add_sequence()};
    std::vector<TokenInput> batch;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      batch.push_back({tokens[i], sequences[i % 3 == 0], i == 3 || i == 170 || i == 171 || i == 511 || i == 529});
    }
    std::vector<float> logits;
    for (std::size_t begin = 0; begin < tokens.size(); begin += piece) {
      const auto end = std::min(begin + piece, tokens.size());
      engine->evaluate(std::span(batch).subspan(begin, end - begin));
      const std::vector<float> rows = copy(engine->logits());
      logits.insert(logits.end(), rows.begin(), rows.end());
    }
    return logits;
  };
  const std::vector<float> reference = run(1, 100);
  ASSERT_EQ(reference.size(), 5 * kingjames().plan.vocabulary);
  for (const int threads : {1, 2, 3}) {
    for (const std::size_t piece : {530U, 300U}) {
      EXPECT_TRUE(same_bits(run(threads, piece), reference)) << threads << " threads, pieces of " << piece;
    }
  }
}

TEST(Fast, ObserverSeesEveryValueAndChangesNone) {
  const Tokens tokens = some_tokens(5);
  std::vector<Recorder> recorders(4);
  std::size_t n = 0;
  for (const int threads : {1, 2}) {
    for (const std::size_t count : {std::size_t{1}, tokens.size()}) {
      const auto engine = make_fast(kingjames().plan, with(threads));
      const SequenceId sequence = engine->add_sequence();
      std::vector<TokenInput> batch;
      for (std::size_t i = 0; i < count; ++i) batch.push_back({tokens[i], sequence, i + 1 == count});
      engine->evaluate(batch, &recorders[n]);
      const auto& taps = recorders[n++].taps();
      EXPECT_EQ(taps.size(), kingjames().plan.values.size());
      EXPECT_EQ(taps.at("embed").size(), count * kingjames().hyper_parameters.embedding_length);
      EXPECT_TRUE(same_bits(taps.at("logits"), copy(engine->logits())));
      engine->truncate(sequence, 0);
      engine->evaluate(batch);
      EXPECT_TRUE(same_bits(taps.at("logits"), copy(engine->logits())));
    }
  }
  for (const auto& [tap, values] : recorders[1].taps())
    EXPECT_TRUE(same_bits(values, recorders[3].taps().at(tap))) << tap;
  for (const auto& [tap, values] : recorders[0].taps())
    EXPECT_TRUE(same_bits(values, recorders[2].taps().at(tap))) << tap;
}

/// Only reads, and keeps its thread busy meanwhile, so that the others run ahead as far as they may.
class SlowReader final : public Observer {
 public:
  bool wants(const model::Value& value) const override { return every_one || value.tap.size() % 3 == 0; }
  bool only_reads() const override { return true; }
  void observe(const model::Value& value, const TapRows& rows) override {
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    EXPECT_TRUE(taps.emplace(value.tap, copy(rows.rows())).second) << value.tap << " twice";
    order.push_back(value.tap);
  }
  bool every_one = true;
  std::map<std::string, std::vector<float>> taps;
  std::vector<std::string> order;
};

TEST(Fast, ReadersSeeTheSameValuesLater) {
  const Tokens tokens = some_tokens(7);
  std::vector<std::string> plan_order;
  for (const model::Value& value : kingjames().plan.values) plan_order.push_back(value.tap);
  for (const std::size_t count : {std::size_t{1}, tokens.size()}) {
    for (const std::size_t outputs : {std::size_t{0}, std::size_t{1}, count}) {
      const auto run = [&](int threads, Observer& observer) {
        const auto engine = make_fast(kingjames().plan, with(threads));
        const SequenceId sequence = engine->add_sequence();
        std::vector<TokenInput> batch;
        for (std::size_t i = 0; i < count; ++i) batch.push_back({tokens[i], sequence, i + outputs >= count});
        engine->evaluate(batch, &observer);
      };
      Recorder expected;
      run(1, expected);
      for (const int threads : {1, 2, 3}) {
        SlowReader all;
        run(threads, all);
        EXPECT_EQ(all.taps.size(), expected.taps().size());
        if (outputs > 0) {
          EXPECT_EQ(all.order, plan_order);
        }
        SlowReader some;
        some.every_one = false;
        run(threads, some);
        EXPECT_GT(some.taps.size(), 10U);
        EXPECT_LT(some.taps.size(), all.taps.size());
        for (const SlowReader* reader : {&all, &some}) {
          for (const auto& [tap, values] : reader->taps)
            EXPECT_TRUE(same_bits(values, expected.taps().at(tap)))
                << tap << ", " << threads << " threads, " << count << " tokens, " << outputs << " outputs";
        }
      }
    }
  }
}

/// Puts another run's rows in the place of one value, and asks for that value alone.
class Replacer final : public Observer {
 public:
  Replacer(std::string tap, const std::vector<float>& values) : tap_(std::move(tap)), values_(values) {}
  bool wants(const model::Value& value) const override { return value.tap == tap_; }
  void observe(const model::Value& value, const TapRows& rows) override {
    EXPECT_EQ(value.tap, tap_);
    ASSERT_EQ(rows.count * rows.width, values_.size());
    std::copy(values_.begin(), values_.end(), rows.f32);
  }

 private:
  std::string tap_;
  const std::vector<float>& values_;
};

TEST(Fast, LaterStepsReadWhatTheObserverLeaves) {
  for (const std::size_t count : {std::size_t{1}, std::size_t{5}}) {
    const Tokens tokens = some_tokens(count, 1);
    const Tokens others = some_tokens(count + 1, 2);
    const auto run = [&](Engine& engine, const Tokens& ids, Observer* observer) {
      const SequenceId sequence = engine.add_sequence();
      std::vector<TokenInput> batch;
      for (std::size_t i = 0; i < count; ++i) batch.push_back({ids[ids.size() - 1 - i], sequence, i + 1 == count});
      engine.evaluate(batch, observer);
      return copy(engine.logits());
    };
    Recorder recorder;
    const std::vector<float> reference = run(*make_fast(kingjames().plan, with(1)), tokens, &recorder);
    for (const int threads : {1, 2, 3}) {
      const auto engine = make_fast(kingjames().plan, with(threads));
      EXPECT_FALSE(same_bits(run(*engine, others, nullptr), reference));
      for (const char* tap : {"embed", "final_norm"}) {
        Replacer replacer(tap, recorder.taps().at(tap));
        EXPECT_TRUE(same_bits(run(*engine, others, &replacer), reference)) << tap << ", " << threads << " threads";
      }
    }
  }
}

TEST(Fast, ObserverMayThrow) {
  for (const int threads : {1, 2, 3}) {
    const auto engine = make_fast(kingjames().plan, with(threads));
    const TokenInput input{5, engine->add_sequence(), true};
    engine->evaluate({&input, 1});
    const std::vector<float> undisturbed = copy(engine->logits());
    for (const bool only_reads : {false, true}) {
      engine->truncate(input.sequence, 0);
      Recorder recorder;
      recorder.reads_only = only_reads;
      recorder.stop_at = "blk.1.attn_norm";
      EXPECT_THROW(engine->evaluate({&input, 1}, &recorder), Error);
      EXPECT_EQ(recorder.taps().count("blk.2.attn_norm"), 0U);
      EXPECT_EQ(engine->length(input.sequence), 0U);
      engine->evaluate({&input, 1});
      EXPECT_TRUE(same_bits(copy(engine->logits()), undisturbed)) << threads << " threads";
    }
  }
}

TEST(Fast, BadRequestsChangeNothing) {
  const auto engine = make_fast(kingjames().plan, with(1, CacheType::f32, 4));
  const SequenceId sequence = engine->add_sequence();
  const std::vector<TokenInput> fits(3, {5, sequence, true});
  engine->evaluate(fits);
  const std::vector<TokenInput> too_many(2, {5, sequence, true});
  try {
    engine->evaluate(too_many);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(error.what()).find('4'), std::string::npos) << error.what();
  }
  EXPECT_EQ(engine->length(sequence), 3U);
  for (const TokenInput& bad :
       {TokenInput{-1, sequence, true}, TokenInput{4096, sequence, true}, TokenInput{5, sequence + 7, true}}) {
    EXPECT_THROW(engine->evaluate({&bad, 1}), Error);
  }
  EXPECT_EQ(engine->length(sequence), 3U);
  EXPECT_THROW(engine->length(sequence + 1), Error);
  EXPECT_THROW(engine->remove_sequence(sequence + 1), Error);
  EXPECT_THROW(make_fast(kingjames().plan, with(-1)), Error);
  EXPECT_THROW(make_fast(kingjames().plan, with(1, CacheType::f64)), Error);
  engine->evaluate({});
  EXPECT_EQ(engine->logits().count, 0U);
}

TEST(Fast, Description) {
  const std::string text = make_fast(kingjames().plan, with(2, CacheType::f16))->description();
  EXPECT_EQ(text.rfind("fast ", 0), 0U) << text;
  EXPECT_NE(text.find(", 2 threads, cache f16"), std::string::npos) << text;
}

}  // namespace
}  // namespace assay::engine
