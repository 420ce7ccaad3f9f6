#include "compare/perplexity.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/math.h"
#include "base/threads.h"
#include "compare/distribution.h"

namespace assay::compare {

ChunkScore score_chunk(ChunkRunner& runner, const Chunks& chunks, std::size_t chunk, int threads) {
  const std::span<const tokenizer::Token> tokens = chunks.tokens(chunk);
  std::vector<double> losses(chunks.scored());
  runner.begin(chunk);
  while (runner.scored() < chunks.scored()) {
    const std::size_t begin = runner.scored();
    const engine::Rows logits = runner.next();
    run_team(threads, [&](const Team& team) {
      const Team::Range mine = team.share(logits.count);
      for (std::size_t row = mine.begin; row < mine.end; ++row) {
        const auto token = static_cast<std::size_t>(tokens[chunks.first() + begin + row + 1]);
        losses[begin + row] = log_sum_exp(logits, row) - logits.at(row, token);
      }
    });
  }
  ChunkScore score;
  for (std::size_t row = 0; row < losses.size(); ++row) {
    if (!std::isfinite(losses[row])) throw not_finite_error(chunk, chunks.first() + row);
    ++score.rows;
    score.sum += losses[row];
    score.square_sum += losses[row] * losses[row];
  }
  return score;
}

Estimate perplexity(std::span<const ChunkScore> chunks) {
  ChunkScore total;
  for (const ChunkScore& chunk : chunks) {
    total.rows += chunk.rows;
    total.sum += chunk.sum;
    total.square_sum += chunk.square_sum;
  }
  const auto rows = static_cast<double>(total.rows);
  const double mean = total.sum / rows;
  const double variance = std::max(total.square_sum / rows - mean * mean, 0.0);
  const double value = portable_exp(mean);
  const double error = total.rows > 1 ? value * std::sqrt(variance / (rows - 1)) : 0;
  return {value, error, error};
}

}  // namespace assay::compare
