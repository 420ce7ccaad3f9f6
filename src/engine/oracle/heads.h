// How attention walks over the heads of a batch, whatever the arithmetic.
#pragma once

#include <algorithm>
#include <cstddef>

#include "engine/oracle/operations.h"

namespace assay::engine::oracle {

/// One head of one token: the `seen` keys and values that it sees, kv_width apart.
struct Head {
  std::size_t number;  ///< of the query heads
  const double* q;
  const double* keys;
  const double* values;
  double* out;
  std::size_t seen;
  std::size_t kv_width;
};

/// Appends the batch's keys and values to the cache, then calls each(Head) for this thread's share.
template <typename Each>
void for_each_head(const model::Attention& attention, const Call& call, const Each& each) {
  const Batch& batch = call.batch;
  const std::size_t kv_width = attention.kv_heads * attention.head_width;
  const auto [begin, end] = call.team.share(call.rows);
  for (std::size_t i = begin; i < end; ++i) {
    const std::size_t at = batch.positions[i] * kv_width;
    const SequenceId sequence = batch.tokens[i].sequence;
    std::copy_n(call.inputs[1].row(i), kv_width, call.cache.keys(sequence, attention.layer) + at);
    std::copy_n(call.inputs[2].row(i), attention.kv_heads * attention.value_width,
                call.cache.values(sequence, attention.layer) + at);
  }
  call.team.barrier();

  // One item is one head of one token. Dealt out in turn, because later tokens look back further.
  const auto threads = static_cast<std::size_t>(call.team.threads);
  const std::size_t items = call.rows * attention.heads;
  for (std::size_t item = static_cast<std::size_t>(call.team.thread); item < items; item += threads) {
    const std::size_t i = item / attention.heads;
    const std::size_t head = item % attention.heads;
    const std::size_t kv_head = head / (attention.heads / attention.kv_heads);
    const SequenceId sequence = batch.tokens[i].sequence;
    const std::size_t first = attention.first_seen(batch.positions[i]);
    const std::size_t at = first * kv_width;
    each(Head{head, call.inputs[0].row(i) + head * attention.head_width,
              call.cache.keys(sequence, attention.layer) + at + kv_head * attention.head_width,
              call.cache.values(sequence, attention.layer) + at + kv_head * attention.value_width,
              call.output + i * call.width + head * attention.value_width, batch.positions[i] + 1 - first, kv_width});
  }
}

}  // namespace assay::engine::oracle
