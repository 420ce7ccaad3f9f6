// Perplexity of a text: exp of the mean negative log-likelihood of its scored tokens, with the standard error that
// llama-perplexity prints, which takes positions as independent. Chunk by chunk, so that a run can stop and go on.
#pragma once

#include <cstddef>
#include <span>

#include "compare/chunks.h"
#include "compare/comparison.h"

namespace assay::compare {

/// Sums over the scored rows of one chunk, in nats.
struct ChunkScore {
  std::size_t rows = 0;
  double sum = 0;         ///< of -ln p(token)
  double square_sum = 0;  ///< of its squares
};

/// Evaluates and scores a chunk. Throws Error{input} that names chunk and position when the logits are not finite.
ChunkScore score_chunk(ChunkRunner& runner, const Chunks& chunks, std::size_t chunk, int threads);

/// Of all these chunks: with m and v the mean and the variance (over n) of the n negative log-likelihoods, e^m and its
/// error e^m sqrt(v / (n - 1)).
Estimate perplexity(std::span<const ChunkScore> chunks);

}  // namespace assay::compare
