// What attention does with the rows of the cache. Some rows come from memory once; then one tile of queries after the
// other takes them from the first-level cache, and a tile loads and converts a row once for all its queries.
// kDotRowsAlone sums of 64 floats fit the registers: a tile has so many queries times rows.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>

#include "kernels/generic/dot.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

/// Keys are read in so many places at once: that is what memory delivers fastest.
inline constexpr std::size_t kStreams = 4;
inline constexpr std::size_t kStreamKeys = kLanes / kStreams;
/// More queries of a tile load more of themselves than they save of the keys.
inline constexpr std::size_t kScoreQueries = kDotRowsAlone < 2 ? kDotRowsAlone : 2;

/// Sixteen keys: of each stream kStreamKeys, from `first` of its stream_keys on. Keys from key_count on do not count.
struct KeyTile {
  const void* keys[kLanes];  ///< key i / kStreams of stream i % kStreams
  std::size_t first;
  std::size_t stream_keys;
  std::size_t key_count;
  std::size_t width;
  float scale;
  std::size_t score_stride;
};

/// Of one query: `totals` as KeyTile says, but stream after stream.
inline void store_scores(const KeyTile& tile, const float* totals, float* scores) {
  std::size_t key = tile.first;
  for (std::size_t i = 0; i < kLanes && key < tile.key_count; i += kStreamKeys, key += tile.stream_keys) {
    if (key + kStreamKeys <= tile.key_count) {
      __builtin_memcpy(scores + key, totals + i, kStreamKeys * sizeof(float));
    } else {
      for (std::size_t j = 0; key + j < tile.key_count; ++j) scores[key + j] = totals[i + j];
    }
  }
}

/// Scores of kQueries queries. The lanes of sixteen sums are added up together.
template <typename Row, std::size_t kQueries>
inline void score_tile(const KeyTile& tile, const float* q, float* scores) {
  constexpr std::size_t kRows = kDotRowsAlone / kQueries;
  Float sums[kQueries][kLanes];
  const float* x[kQueries];
  for (std::size_t query = 0; query < kQueries; ++query) x[query] = q + query * tile.width;
  for (std::size_t i = 0; i < kLanes; i += kRows) {
    Lanes lanes[kQueries][kRows];
    dot_lanes<Row, kRows, kQueries>(tile.keys + i, x, tile.width, lanes);
    for (std::size_t query = 0; query < kQueries; ++query)
      for (std::size_t row = 0; row < kRows; ++row)
        sums[query][(i + row) % kStreams * kStreamKeys + (i + row) / kStreams] = lanes[query][row].folded();
  }
  for (std::size_t query = 0; query < kQueries; ++query) {
    float totals[kLanes];
    store_floats(multiply(all_floats(tile.scale), float_totals(sums[query])), totals);
    store_scores(tile, totals, scores + query * tile.score_stride);
  }
}

/// In tiles of kQueries queries, then in smaller ones.
template <typename Row, std::size_t kQueries>
inline void score_keys(const KeyTile& tile, const float* q, std::size_t queries, float* scores) {
  for (; queries >= kQueries; queries -= kQueries) {
    score_tile<Row, kQueries>(tile, q, scores);
    q += kQueries * tile.width;
    scores += kQueries * tile.score_stride;
  }
  if constexpr (kQueries > 1) score_keys<Row, kQueries - 1>(tile, q, queries, scores);
}

/// Streams that end early repeat the last key.
template <typename Row>
inline void scores_of(const float* q, std::size_t queries, const CacheRows& keys, float scale, float* scores,
                      std::size_t score_stride) {
  KeyTile tile;
  tile.stream_keys = (keys.count + kLanes - 1) / kLanes * kStreamKeys;
  tile.key_count = keys.count;
  tile.width = keys.width;
  tile.scale = scale;
  tile.score_stride = score_stride;
  for (tile.first = 0; tile.first < tile.stream_keys; tile.first += kStreamKeys) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      const std::size_t key = tile.first + i % kStreams * tile.stream_keys + i / kStreams;
      const std::size_t row = key < keys.count ? key : keys.count - 1;
      tile.keys[i] = static_cast<const std::byte*>(keys.data) + row * keys.stride * Row::kBytes;
    }
    score_keys<Row, kScoreQueries>(tile, q, queries, scores);
  }
}

inline void scores(const float* q, std::size_t queries, const CacheRows& keys, float scale, float* scores,
                   std::size_t score_stride) {
  if (keys.format == CacheFormat::f32) {
    scores_of<F32Row>(q, queries, keys, scale, scores, score_stride);
  } else {
    scores_of<F16Row>(q, queries, keys, scale, scores, score_stride);
  }
}

/// Rows that take part in weighted sums before the sums go back to memory.
inline constexpr std::size_t kValueBlock = 32;
/// Rows are asked for while those before them are worked on.
inline constexpr std::size_t kBytesAhead = 2048;

/// Rows with their weights for a tile of queries; sums of a query stand `width` apart, its weights weight_stride.
struct WeightedRows {
  const std::byte* rows;
  std::size_t row_bytes;
  std::size_t count;
  const float* weights;
  std::size_t weight_stride;
  float* sums;
  std::size_t width;
};

/// Adds the rows to kParts vectors of channels from `channel` on.
template <typename Row, std::size_t kQueries, std::size_t kParts>
inline void add_channels(const WeightedRows& x, std::size_t channel) {
  Float sums[kQueries][kParts];
  for (std::size_t query = 0; query < kQueries; ++query)
    for (std::size_t part = 0; part < kParts; ++part)
      sums[query][part] = load_floats(x.sums + query * x.width + channel + part * kLanes);
  for (std::size_t j = 0; j < x.count; ++j) {
    Float values[kParts];
    for (std::size_t part = 0; part < kParts; ++part)
      values[part] = Row::load_sixteen(x.rows + j * x.row_bytes, channel + part * kLanes);
    for (std::size_t query = 0; query < kQueries; ++query) {
      const Float weight = all_floats(x.weights[query * x.weight_stride + j]);
      for (std::size_t part = 0; part < kParts; ++part)
        sums[query][part] = fused(weight, values[part], sums[query][part]);
    }
  }
  for (std::size_t query = 0; query < kQueries; ++query)
    for (std::size_t part = 0; part < kParts; ++part)
      store_floats(sums[query][part], x.sums + query * x.width + channel + part * kLanes);
}

/// The same for the channels of a ragged end.
template <typename Row>
inline void add_last_channels(const WeightedRows& x, std::size_t query, std::size_t channel) {
  float* end = x.sums + query * x.width + channel;
  const std::size_t used = x.width - channel;
  Float sum = load_some(end, used, 0.0F);
  for (std::size_t j = 0; j < x.count; ++j) {
    const Float weight = all_floats(x.weights[query * x.weight_stride + j]);
    sum = fused(weight, Row::load_last(x.rows + j * x.row_bytes, channel, used), sum);
  }
  store_some(sum, end, used);
}

/// In tiles of kQueries queries, then in smaller ones.
template <typename Row, std::size_t kQueries>
inline void add_block(WeightedRows x, std::size_t queries) {
  constexpr std::size_t kParts = 4;
  for (; queries >= kQueries; queries -= kQueries) {
    std::size_t channel = 0;
    for (; channel + kParts * kLanes <= x.width; channel += kParts * kLanes)
      add_channels<Row, kQueries, kParts>(x, channel);
    for (; channel + kLanes <= x.width; channel += kLanes) add_channels<Row, kQueries, 1>(x, channel);
    if (channel < x.width)
      for (std::size_t query = 0; query < kQueries; ++query) add_last_channels<Row>(x, query, channel);
    x.weights += kQueries * x.weight_stride;
    x.sums += kQueries * x.width;
  }
  if constexpr (kQueries > 1) add_block<Row, kQueries - 1>(x, queries);
}

template <typename Row>
inline void weighted_sums_of(const float* weights, std::size_t weight_stride, std::size_t queries,
                             const CacheRows& values, float* out) {
  __builtin_memset(out, 0, queries * values.width * sizeof(float));
  const std::size_t row_bytes = values.stride * Row::kBytes;
  for (std::size_t first = 0; first < values.count; first += kValueBlock) {
    const std::size_t count = values.count - first < kValueBlock ? values.count - first : kValueBlock;
    const std::byte* rows = static_cast<const std::byte*>(values.data) + first * row_bytes;
    for (std::size_t i = 0; i < count * row_bytes; i += 64) __builtin_prefetch(rows + kBytesAhead + i);
    add_block<Row, kDotRowsAlone>({rows, row_bytes, count, weights + first, weight_stride, out, values.width}, queries);
  }
}

inline void weighted_sums(const float* weights, std::size_t weight_stride, std::size_t queries, const CacheRows& values,
                          float* out) {
  if (values.format == CacheFormat::f32) {
    weighted_sums_of<F32Row>(weights, weight_stride, queries, values, out);
  } else {
    weighted_sums_of<F16Row>(weights, weight_stride, queries, values, out);
  }
}

}  // namespace
}  // namespace assay::kernels
