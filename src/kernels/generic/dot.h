// Dot products of floats in 64 virtual lanes: four vectors of 16 lanes a product, then the halving tree.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/streams.h"

namespace assay::kernels {
namespace {

inline constexpr std::size_t kLanes = 16;

/// `count` (1 to 16) floats, the rest filled.
inline Float load_some(const float* p, std::size_t count, float fill) {
  if (count == kLanes) return load_floats(p);
  float values[kLanes];
  for (float& value : values) value = fill;
  __builtin_memcpy(values, p, count * sizeof(float));
  return load_floats(values);
}

inline void store_some(Float a, float* p, std::size_t count) {
  if (count == kLanes) {
    store_floats(a, p);
    return;
  }
  float values[kLanes];
  store_floats(a, values);
  __builtin_memcpy(p, values, count * sizeof(float));
}

/// How a row of floats is stored. A row that ends inside a vector is filled with -0: fma(-0, 0, lane) is the lane, even
/// -0.
struct F32Row {
  static constexpr std::size_t kBytes = 4;
  static Float load_sixteen(const void* row, std::size_t i) { return load_floats(static_cast<const float*>(row) + i); }
  static Float load_last(const void* row, std::size_t i, std::size_t count) {
    return load_some(static_cast<const float*>(row) + i, count, -0.0F);
  }
};

template <Float (*kLoad)(const std::uint16_t*)>
struct WordRow {
  static constexpr std::size_t kBytes = 2;
  static Float load_sixteen(const void* row, std::size_t i) {
    return kLoad(static_cast<const std::uint16_t*>(row) + i);
  }
  static Float load_last(const void* row, std::size_t i, std::size_t count) {
    std::uint16_t values[kLanes];
    for (std::uint16_t& value : values) value = 0x8000;
    __builtin_memcpy(values, static_cast<const std::uint16_t*>(row) + i, count * sizeof(std::uint16_t));
    return kLoad(values);
  }
};
using F16Row = WordRow<load_halves>;
using Bf16Row = WordRow<load_bfloats>;

/// The 64 lanes of one sum.
struct Lanes {
  Float part[4] = {all_floats(0.0F), all_floats(0.0F), all_floats(0.0F), all_floats(0.0F)};

  /// The first two halvings: sixteen lanes are left.
  Float folded() const { return add(add(part[0], part[2]), add(part[1], part[3])); }
  float total() const { return kernels::total(folded()); }
};

/// sums[token][row].part[kPart] with one more vector of each row and token.
template <std::size_t kPart, std::size_t kRows, std::size_t kTokens>
inline void dot_step(const Float* weights, const Float* values, Lanes (*sums)[kRows]) {
#pragma GCC unroll 8
  for (std::size_t token = 0; token < kTokens; ++token) {
#pragma GCC unroll 8
    for (std::size_t row = 0; row < kRows; ++row) {
      Float& sum = sums[token][row].part[kPart];
      sum = fused(weights[row], values[token], sum);
    }
  }
}

template <typename Row, std::size_t kPart, std::size_t kRows, std::size_t kTokens>
inline void full_dot_step(const void* const* rows, const float* const* x, std::size_t i, Lanes (*sums)[kRows]) {
  Float weights[kRows];
  Float values[kTokens];
#pragma GCC unroll 8
  for (std::size_t row = 0; row < kRows; ++row) weights[row] = Row::load_sixteen(rows[row], i);
#pragma GCC unroll 8
  for (std::size_t token = 0; token < kTokens; ++token) values[token] = load_floats(x[token] + i);
  dot_step<kPart, kRows, kTokens>(weights, values, sums);
}

/// `count` values from i on, at most a vector.
template <typename Row, std::size_t kPart, std::size_t kRows, std::size_t kTokens>
inline void some_dot_step(const void* const* rows, const float* const* x, std::size_t i, std::size_t count,
                          Lanes (*sums)[kRows]) {
  Float weights[kRows];
  Float values[kTokens];
  for (std::size_t row = 0; row < kRows; ++row)
    weights[row] = count == kLanes ? Row::load_sixteen(rows[row], i) : Row::load_last(rows[row], i, count);
  for (std::size_t token = 0; token < kTokens; ++token) values[token] = load_some(x[token] + i, count, 0.0F);
  dot_step<kPart, kRows, kTokens>(weights, values, sums);
}

/// The values from i on, at most 63: up to three full vectors and a part of one.
template <typename Row, std::size_t kRows, std::size_t kTokens>
[[gnu::noinline]] void add_last_dots(const void* const* rows, const float* const* x, std::size_t i, std::size_t width,
                                     Lanes (*sums)[kRows]) {
  const auto rest = [&](std::size_t part) { return width - i < part * kLanes ? 0 : width - i - part * kLanes; };
  const auto some = [&](std::size_t part) { return rest(part) < kLanes ? rest(part) : kLanes; };
  if (rest(0) > 0) some_dot_step<Row, 0, kRows, kTokens>(rows, x, i, some(0), sums);
  if (rest(1) > 0) some_dot_step<Row, 1, kRows, kTokens>(rows, x, i + kLanes, some(1), sums);
  if (rest(2) > 0) some_dot_step<Row, 2, kRows, kTokens>(rows, x, i + 2 * kLanes, some(2), sums);
  if (rest(3) > 0) some_dot_step<Row, 3, kRows, kTokens>(rows, x, i + 3 * kLanes, some(3), sums);
}

/// sums[token][row] of kRows rows with kTokens vectors of floats. kIsStream: the rows come from memory (streams.h).
template <typename Row, std::size_t kRows, std::size_t kTokens, bool kIsStream = false>
inline void dot_lanes(const void* const* rows, const float* const* x, std::size_t width, Lanes (*sums)[kRows]) {
  Lanes whole[kTokens][kRows];  // in registers, which `sums` of a caller need not be
  std::size_t i = 0;
  for (; i + 4 * kLanes <= width; i += 4 * kLanes) {
    if constexpr (kIsStream) {
      for (std::size_t row = 0; row < kRows; ++row)
        prefetch_stream<4 * kLanes * Row::kBytes>(static_cast<const char*>(rows[row]) + i * Row::kBytes);
    }
    full_dot_step<Row, 0, kRows, kTokens>(rows, x, i, whole);
    full_dot_step<Row, 1, kRows, kTokens>(rows, x, i + kLanes, whole);
    full_dot_step<Row, 2, kRows, kTokens>(rows, x, i + 2 * kLanes, whole);
    full_dot_step<Row, 3, kRows, kTokens>(rows, x, i + 3 * kLanes, whole);
  }
  for (std::size_t token = 0; token < kTokens; ++token)
    for (std::size_t row = 0; row < kRows; ++row) sums[token][row] = whole[token][row];
  if (i < width) add_last_dots<Row, kRows, kTokens>(rows, x, i, width, sums);
}

/// totals[row] of kRows rows with a vector of floats.
template <typename Row, std::size_t kRows, bool kIsStream = false>
inline void dots(const void* const* rows, const float* x, std::size_t width, float* totals) {
  Lanes sums[1][kRows];
  dot_lanes<Row, kRows, 1, kIsStream>(rows, &x, width, sums);
  for (std::size_t row = 0; row < kRows; ++row) totals[row] = sums[0][row].total();
}

}  // namespace
}  // namespace assay::kernels
