#include "compare/perplexity.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/model.h"

namespace assay::compare {
namespace {

class PerplexityTest : public testing::Test {
 protected:
  Chunks chunks(std::size_t context, std::optional<std::size_t> limit = {}) const {
    return {*tokenizer_, text_, context, limit};
  }

  std::vector<ChunkScore> score(const Chunks& chunks, std::size_t rows_at_once, int threads) const {
    const auto engine =
        engine::make_engine("fast", model_.plan, {.threads = threads, .context_length = chunks.context()});
    ChunkRunner runner(*engine, chunks, rows_at_once);
    std::vector<ChunkScore> scores;
    for (std::size_t i = 0; i < chunks.count(); ++i) scores.push_back(score_chunk(runner, chunks, i, threads));
    return scores;
  }

  model::Model model_ = model::load_model(gguf::File::open(ASSAY_MODELS "/kingjames-7m.f16.gguf"));
  std::unique_ptr<tokenizer::Tokenizer> tokenizer_ = tokenizer::Tokenizer::from_gguf(model_.file);
  std::string text_ =
      "And it came to pass in those days, that there went out a decree from Caesar Augustus, that all the world should "
      "be taxed. And all went to be taxed, every one into his own city.\n";
};

TEST_F(PerplexityTest, ChunksAreTheTextWithBosInTheFirstPlace) {
  const std::vector<tokenizer::Token> whole =
      tokenizer_->encode(std::string_view(text_).substr(0, text_.size() - 1), {.parse_special = false});
  const Chunks cut = chunks(8);
  ASSERT_EQ(cut.count(), whole.size() / 8);
  EXPECT_EQ(cut.text_tokens(), whole.size());
  EXPECT_EQ(cut.first(), 4U);
  EXPECT_EQ(cut.scored(), 3U);
  for (std::size_t chunk = 0; chunk < cut.count(); ++chunk) {
    EXPECT_EQ(cut.input(chunk, 0), tokenizer_->bos());
    for (std::size_t i = 0; i < 8; ++i) {
      EXPECT_EQ(cut.tokens(chunk)[i], whole[chunk * 8 + i]);
      if (i > 0) {
        EXPECT_EQ(cut.input(chunk, i), whole[chunk * 8 + i]);
      }
    }
  }
  EXPECT_EQ(chunks(8, 2).count(), 2U);
  EXPECT_EQ(chunks(9).scored(), 4U);
}

TEST_F(PerplexityTest, SpecialTokensInTheTextArePlainText) {
  text_ = "<s><s><s><s><s><s>";
  const Chunks cut = chunks(8);
  const auto tokens = cut.tokens(0);
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), *tokenizer_->bos()), 1);
}

TEST_F(PerplexityTest, ATextShorterThanAChunkIsRefused) {
  EXPECT_THROW(chunks(512), Error);
  EXPECT_THROW(chunks(3), Error);
}

TEST_F(PerplexityTest, SameBitsForAnyPieceAndThreads) {
  const Chunks cut = chunks(16);
  const std::vector<ChunkScore> expected = score(cut, 256, 1);
  for (const auto& [rows, threads] : {std::pair{1, 1}, {3, 2}, {256, 2}}) {
    const std::vector<ChunkScore> scores = score(cut, static_cast<std::size_t>(rows), threads);
    ASSERT_EQ(scores.size(), expected.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      EXPECT_EQ(scores[i].rows, cut.scored());
      EXPECT_EQ(scores[i].sum, expected[i].sum);
      EXPECT_EQ(scores[i].square_sum, expected[i].square_sum);
    }
  }
}

TEST(Perplexity, OfKnownLosses) {
  // Losses 1, 2, 3 and 6: mean 3, variance 3.5.
  const std::vector<ChunkScore> scores = {{2, 3, 5}, {2, 9, 45}};
  const Estimate estimate = perplexity(scores);
  EXPECT_DOUBLE_EQ(estimate.mean, std::exp(3.0));
  EXPECT_DOUBLE_EQ(estimate.standard_error, std::exp(3.0) * std::sqrt(3.5 / 3));
}

}  // namespace
}  // namespace assay::compare
