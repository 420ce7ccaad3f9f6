// For tests of the fast engine: logits by pieces, the bits of values, and what every step wrote.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/engine.h"

namespace assay::engine::test {

using Tokens = std::vector<std::int32_t>;

inline EngineOptions with(int threads, CacheType cache = CacheType::f32, std::size_t context_length = 0) {
  EngineOptions options;
  options.threads = threads;
  options.cache = cache;
  options.context_length = context_length;
  return options;
}

inline std::vector<float> copy(const Rows& rows) { return {rows.f32, rows.f32 + rows.count * rows.width}; }

/// Logits of every position, the tokens evaluated `piece` at a time.
inline std::vector<float> evaluate(Engine& engine, const Tokens& tokens, std::size_t piece) {
  const SequenceId sequence = engine.add_sequence();
  std::vector<float> logits;
  for (std::size_t begin = 0; begin < tokens.size(); begin += piece) {
    std::vector<TokenInput> batch;
    for (std::size_t i = begin; i < std::min(begin + piece, tokens.size()); ++i)
      batch.push_back({tokens[i], sequence, true});
    engine.evaluate(batch);
    const std::vector<float> rows = copy(engine.logits());
    logits.insert(logits.end(), rows.begin(), rows.end());
  }
  engine.remove_sequence(sequence);
  return logits;
}

inline ::testing::AssertionResult same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << a.size() << " and " << b.size() << " values";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0) {
      return ::testing::AssertionFailure() << "value " << i << ": " << a[i] << " and " << b[i];
    }
  }
  return ::testing::AssertionSuccess();
}

class Recorder final : public Observer {
 public:
  void observe(const model::Value& value, const TapRows& rows) override {
    EXPECT_TRUE(taps_.emplace(value.tap, copy(rows.rows())).second) << value.tap << " twice";
    EXPECT_EQ(rows.width, value.width);
    if (value.tap == stop_at) throw Error(ErrorKind::usage, "enough");
  }
  bool only_reads() const override { return reads_only; }
  const std::map<std::string, std::vector<float>>& taps() const { return taps_; }
  std::string stop_at;
  bool reads_only = false;

 private:
  std::map<std::string, std::vector<float>> taps_;
};

}  // namespace assay::engine::test
