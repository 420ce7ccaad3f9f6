// Matrix products of float weights with many tokens. Some rows at a time become floats, packed so that what is
// multiplied next stands next: the 64 lanes are cut into parts of one register, and one part of all rows follows the
// other. A tile of tokens is packed part by part as well, so that it stays in the first-level cache while the rows
// stream past it from the second. As they stand, the vectors of a part are far apart and meet in few sets of a cache.
//
// Ragged ends repeat the last row or token and drop what it gives.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>

#include "kernels/generic/dot.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

inline constexpr std::size_t kAllLanes = 64;
inline constexpr std::size_t kParts = kAllLanes / kPartLanes;
inline constexpr std::size_t kVectorParts = kLanes / kPartLanes;
static_assert(kLanes % kPartRows == 0);

/// Vectors of a part that are multiplied before a tile's sums wait in memory: of kPartTokens tokens they fill a third
/// of a first-level cache.
inline constexpr std::size_t kMostSteps = 32;
/// Rows packed at once: as many values as stay in the second-level cache, of at most so many rows, for all of which a
/// tile of tokens is packed once.
inline constexpr std::size_t kPackedValues = std::size_t{192} * 1024;
inline constexpr std::size_t kPackedRows = 64;
/// Fewer do not pay: a tile of tokens is packed for too few of them.
inline constexpr std::size_t kFewestPackedRows = 16;
/// Fewer tokens do not pay for the rows' packing.
inline constexpr std::size_t kFewestBlockTokens = 64;

/// Vectors of a part in a row.
constexpr std::size_t steps_of(std::size_t width) { return (width + kAllLanes - 1) / kAllLanes; }

/// Whether float_blocks() is the faster way.
template <typename Row>
inline bool is_block(const Activations& x) {
  return Row::kBytes >= kFewestPackedBytes && x.tokens >= kFewestBlockTokens &&
         kFewestPackedRows * steps_of(x.width) * kAllLanes <= kPackedValues;
}

/// Rows as [part][tile][step][row of the tile][lane].
struct PackedRows {
  float* values;
  std::size_t count;
  std::size_t tiles;
  std::size_t steps;

  float* at(std::size_t part, std::size_t tile, std::size_t step) const {
    return values + ((part * tiles + tile) * steps + step) * kPartRows * kPartLanes;
  }
};

template <typename Row>
inline void pack_row(const void* row, std::size_t width, const PackedRows& packed, std::size_t number) {
  for (std::size_t i = 0; i < packed.steps * kAllLanes; i += kLanes) {
    Float vector = all_floats(-0.0F);  // as behind a row's end: dot.h
    if (i + kLanes <= width) {
      vector = Row::load_sixteen(row, i);
    } else if (i < width) {
      vector = Row::load_last(row, i, width - i);
    }
    alignas(64) float lanes[kLanes];
    store_floats(vector, lanes);
    for (std::size_t j = 0; j < kVectorParts; ++j) {
      float* tile = packed.at(i % kAllLanes / kPartLanes + j, number / kPartRows, i / kAllLanes);
      store_part(load_part(lanes + j * kPartLanes), tile + number % kPartRows * kPartLanes);
    }
  }
}

/// What becomes of the sums of a tile: they wait for more steps, are one of the two halves of the lanes, or are added
/// to it, which is the first halving.
enum class Then { wait, put, add };

/// `steps` vectors of one part of kTokens tokens with a tile of rows. Sums stand as [token][row][lane].
template <std::size_t kTokens>
inline void add_part(const float* rows, const float* tokens, std::size_t steps, bool goes_on, float* waiting, Then then,
                     float* sums) {
  Part sum[kTokens][kPartRows];
#pragma GCC unroll 8
  for (std::size_t t = 0; t < kTokens; ++t)
#pragma GCC unroll 8
    for (std::size_t row = 0; row < kPartRows; ++row) sum[t][row] = zero_part();
  if (goes_on) {
#pragma GCC unroll 8
    for (std::size_t t = 0; t < kTokens; ++t)
#pragma GCC unroll 8
      for (std::size_t row = 0; row < kPartRows; ++row)
        sum[t][row] = load_part(waiting + (t * kPartRows + row) * kPartLanes);
  }
  for (std::size_t step = 0; step < steps; ++step) {
    Part weights[kPartRows];
#pragma GCC unroll 8
    for (std::size_t row = 0; row < kPartRows; ++row)
      weights[row] = load_part(rows + (step * kPartRows + row) * kPartLanes);
#pragma GCC unroll 8
    for (std::size_t t = 0; t < kTokens; ++t) {
      const Part values = load_part(tokens + (step * kTokens + t) * kPartLanes);
#pragma GCC unroll 8
      for (std::size_t row = 0; row < kPartRows; ++row) sum[t][row] = fused_part(weights[row], values, sum[t][row]);
    }
  }
  float* const out = then == Then::wait ? waiting : sums;
  if (then == Then::add) {
#pragma GCC unroll 8
    for (std::size_t t = 0; t < kTokens; ++t)
#pragma GCC unroll 8
      for (std::size_t row = 0; row < kPartRows; ++row) {
        float* const half = out + (t * kPartRows + row) * kPartLanes;
        store_part(add_parts(load_part(half), sum[t][row]), half);
      }
  } else {
#pragma GCC unroll 8
    for (std::size_t t = 0; t < kTokens; ++t)
#pragma GCC unroll 8
      for (std::size_t row = 0; row < kPartRows; ++row)
        store_part(sum[t][row], out + (t * kPartRows + row) * kPartLanes);
  }
}

/// Up to kTokens tokens of a batch with packed rows.
template <std::size_t kTokens>
class TokenTile {
 public:
  TokenTile(const PackedRows& rows, const Activations& x, std::size_t begin, std::size_t count)
      : rows_(rows), x_(x), begin_(begin), count_(count) {}

  /// out[token * out_stride + row], from the batch's first token on.
  void multiply(float* out, std::size_t out_stride) {
    for (std::size_t part = 0; part < kParts; ++part) {
      for (std::size_t first = 0; first < rows_.steps; first += kMostSteps) add_steps(part, first);
    }
    for (std::size_t row = 0; row < rows_.count; row += kLanes) {
      const std::size_t rows = rows_.count - row < kLanes ? rows_.count - row : kLanes;
      for (std::size_t t = 0; t < count_; ++t) store_some(totals(row, t), out + (begin_ + t) * out_stride + row, rows);
    }
  }

 private:
  static constexpr std::size_t kTileSums = kTokens * kPartRows * kPartLanes;

  void add_steps(std::size_t part, std::size_t first) {
    const std::size_t steps = rows_.steps - first < kMostSteps ? rows_.steps - first : kMostSteps;
    const Then last = part < kParts / 2 ? Then::put : Then::add;
    const Then then = first + steps < rows_.steps ? Then::wait : last;
    pack(part, first, steps);
    for (std::size_t tile = 0; tile < rows_.tiles; ++tile) {
      prefetch_next();
      add_part<kTokens>(rows_.at(part, tile, first), tokens_, steps, first > 0, waiting_ + tile * kTileSums, then,
                        sums_[part % (kParts / 2)] + tile * kTileSums);
    }
  }

  /// As [step][token][lane].
  void pack(std::size_t part, std::size_t first, std::size_t steps) {
    for (std::size_t t = 0; t < kTokens; ++t) {
      const float* token = x_.f32 + (begin_ + (t < count_ ? t : count_ - 1)) * x_.width;
      std::size_t i = first * kAllLanes + part * kPartLanes;
      float* to = tokens_ + t * kPartLanes;
      float* const end = to + steps * kTokens * kPartLanes;
      for (; to != end && i + kPartLanes <= x_.width; to += kTokens * kPartLanes, i += kAllLanes)
        store_part(load_part(token + i), to);
      if (to == end) continue;
      store_part(zero_part(), to);
      if (i < x_.width) __builtin_memcpy(to, token + i, (x_.width - i) * sizeof(float));
    }
  }

  /// The tokens behind these are asked for evenly while these are multiplied.
  void prefetch_next() {
    const std::size_t rounds = kParts * rows_.tiles * ((rows_.steps + kMostSteps - 1) / kMostSteps);
    const std::size_t bytes = kTokens * x_.width * sizeof(float) / rounds + kLineBytes;
    const char* next = reinterpret_cast<const char*>(x_.f32 + (begin_ + kTokens) * x_.width) + asked_;
    for (std::size_t line = 0; line < bytes; line += kLineBytes) __builtin_prefetch(next + line, 0, 2);
    asked_ += bytes;
  }

  /// Of a token and the sixteen rows from `row` on; those behind the last tile are the last tile's.
  Float totals(std::size_t row, std::size_t token) const {
    Float vectors[kLanes];
#pragma GCC unroll 16
    for (std::size_t i = 0; i < kLanes; ++i) {
      const std::size_t tile = (row + i) / kPartRows;
      const std::size_t at =
          (tile < rows_.tiles ? tile : rows_.tiles - 1) * kTileSums + (token * kPartRows + i % kPartRows) * kPartLanes;
      vectors[i] = add(half(0, at), half(1, at));
    }
    return float_totals(vectors);
  }

  /// Lanes 0 to 15 or 16 to 31 of a sum.
  Float half(std::size_t number, std::size_t at) const {
    if constexpr (kVectorParts == 1) return load_floats(sums_[number] + at);
    float lanes[kLanes];
    for (std::size_t j = 0; j < kVectorParts; ++j)
      store_part(load_part(sums_[number * kVectorParts + j] + at), lanes + j * kPartLanes);
    return load_floats(lanes);
  }

  const PackedRows& rows_;
  const Activations& x_;
  std::size_t begin_;
  std::size_t count_;
  std::size_t asked_ = 0;
  alignas(64) float tokens_[kMostSteps * kTokens * kPartLanes];
  alignas(64) float waiting_[kPackedRows / kPartRows * kTileSums];
  alignas(64) float sums_[kParts / 2][kPackedRows / kPartRows * kTileSums];  ///< of lanes 0 to 31
};

/// Tiles are as even as they can be, and narrower ones do for few tokens: what a tile repeats is lost.
inline void multiply_packed(const PackedRows& rows, const Activations& x, float* out, std::size_t out_stride) {
  constexpr std::size_t kFew = kPartTokens - 2;
  const std::size_t tiles = (x.tokens + kPartTokens - 1) / kPartTokens;
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    const std::size_t begin = tile * x.tokens / tiles;
    const std::size_t count = (tile + 1) * x.tokens / tiles - begin;
    if (count <= kFew) {
      TokenTile<kFew>(rows, x, begin, count).multiply(out, out_stride);
    } else {
      TokenTile<kPartTokens>(rows, x, begin, count).multiply(out, out_stride);
    }
  }
}

/// All rows with all tokens, where is_block() says so.
template <typename Row>
inline void float_blocks(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                         float* out, std::size_t out_stride) {
  alignas(64) float values[kPackedValues];
  const std::size_t steps = steps_of(x.width);
  const std::size_t fitting = kPackedValues / (steps * kAllLanes) / kPartRows * kPartRows;
  const std::size_t most = fitting < kPackedRows ? fitting : kPackedRows;
  for (std::size_t first = 0; first < row_count; first += most) {
    const std::size_t count = row_count - first < most ? row_count - first : most;
    const PackedRows packed = {values, count, (count + kPartRows - 1) / kPartRows, steps};
    for (std::size_t i = 0; i < packed.tiles * kPartRows; ++i)
      pack_row<Row>(rows + (first + (i < count ? i : count - 1)) * row_bytes, x.width, packed, i);
    multiply_packed(packed, x, out + first, out_stride);
  }
}

}  // namespace
}  // namespace assay::kernels
