// The oracle's part of the table: rows of weights in float64, and sums over them. A format's quants come from its
// unpacking for the fast products. The block formula then runs fused, scale * quant - min rounded once, which has the
// bits of quant::decode_exact: the product has at most 11 + 8 + 8 bits, and a difference, in types with a minimum, is a
// multiple of 2^-24 below 2^27, so that nothing is rounded at all.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/block_scale.h"
#include "kernels/generic/dot.h"
#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

struct ExactScales {
  double d, dmin;
};
template <typename Format>
inline ExactScales exact_scales(const Byte* block) {
  const double d = static_cast<double>(block_scale<Format>(block));
  if constexpr (Format::kHasMin) return {d, static_cast<double>(float_of_half(half_min_scale<Format>(block)))};
  return {d, 0.0};
}

// How a row is read: take(i, values) gets values i to i + 15 of it, i ascending.

template <typename Format, int kQuarter, typename Take>
inline void read_quarter(const Byte* block, const double* scales, const double* mins, std::size_t first, Take take) {
  Int quants = Format::template quants<kQuarter>(block);
  if constexpr (Format::kBias != 0) quants = subtract_bytes(quants, all_bytes(Format::kBias));
  const auto group = [&](Lane bytes, std::size_t i) {
    take(first + 16 * i, fused_subtract(all_doubles(scales[i]), doubles_of_signed_bytes(bytes), all_doubles(mins[i])));
  };
  group(lane<0>(quants), 4 * kQuarter);
  group(lane<1>(quants), 4 * kQuarter + 1);
  group(lane<2>(quants), 4 * kQuarter + 2);
  group(lane<3>(quants), 4 * kQuarter + 3);
}

template <typename Format>
struct SuperBlockRow {
  static constexpr std::size_t kBlockValues = 256;
  template <typename Take>
  static void read(const Byte* blocks, std::size_t block_count, Take take) {
    for (std::size_t i = 0; i < block_count; ++i) {
      const Byte* block = blocks + i * Format::kBytes;
      const ExactScales factors = exact_scales<Format>(block);
      const auto times = [](double factor, Lane bytes) {
        return multiply(all_doubles(factor), doubles_of_signed_bytes(bytes));
      };
      double scales[16];
      double mins[16] = {};
      store_doubles(times(factors.d, Format::scales(block)), scales);
      if constexpr (Format::kHasMin) store_doubles(times(factors.dmin, Format::mins(block)), mins);
      read_quarter<Format, 0>(block, scales, mins, 256 * i, take);
      read_quarter<Format, 1>(block, scales, mins, 256 * i, take);
      read_quarter<Format, 2>(block, scales, mins, 256 * i, take);
      read_quarter<Format, 3>(block, scales, mins, 256 * i, take);
    }
  }
};

template <typename Row>
struct FloatRow {
  static constexpr std::size_t kBlockValues = 1;
  template <typename Take>
  static void read(const Byte* row, std::size_t count, Take take) {
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) take(i, doubles_of(Row::load_sixteen(row, i)));
    if (i < count) take(i, doubles_of(Row::load_last(row, i, count - i)));
  }
};

/// `count` (1 to 16) doubles, the rest 0.
inline Doubles load_some(const double* p, std::size_t count) {
  if (count >= kLanes) return load_doubles(p);
  double values[kLanes] = {};
  __builtin_memcpy(values, p, count * sizeof(double));
  return load_doubles(values);
}

/// Sixteen lanes of products.
struct ExactSum {
  Doubles lanes = all_doubles(0.0);

  /// Products with zeros change no lane: none is -0, because all begin at +0.
  [[gnu::always_inline]] void add_products(const Doubles& a, const Doubles& b) { lanes = add(lanes, multiply(a, b)); }
  double total() const { return kernels::total(lanes); }
};

template <typename Row>
inline void decode_exact(const std::byte* row, std::size_t width, double* values) {
  Row::read(reinterpret_cast<const Byte*>(row), width / Row::kBlockValues, [&](std::size_t i, const Doubles& sixteen) {
    if (i + kLanes <= width) {
      store_doubles(sixteen, values + i);
      return;
    }
    double last[kLanes];
    store_doubles(sixteen, last);
    __builtin_memcpy(values + i, last, (width - i) * sizeof(double));
  });
}

template <typename Row>
inline double row_dot_exact(const std::byte* row, const double* x, std::size_t width) {
  ExactSum sum;
  Row::read(reinterpret_cast<const Byte*>(row), width / Row::kBlockValues,
            [&](std::size_t i, const Doubles& sixteen) { sum.add_products(sixteen, load_some(x + i, width - i)); });
  return sum.total();
}

template <typename Row>
constexpr ExactRow exact_row() {
  return {decode_exact<Row>, row_dot_exact<Row>};
}

inline double dot_exact(const double* a, const double* b, std::size_t count) {
  ExactSum sum;
  for (std::size_t i = 0; i < count; i += kLanes)
    sum.add_products(load_some(a + i, count - i), load_some(b + i, count - i));
  return sum.total();
}

/// What product_exact works on.
struct ExactTile {
  const double* rows;
  std::size_t row_stride;
  const double* x;
  std::size_t x_stride;
  std::size_t width;
  double* out;
  std::size_t out_stride;
};

// So much of each row is multiplied with all x before the next: with the rows' sums it stays in the first cache.
constexpr std::size_t kExactColumns = 512;
constexpr std::size_t kExactTokens = 32;

/// kRows rows times x_count (at most kExactTokens) x.
template <std::size_t kRows>
inline void multiply_exact(const ExactTile& tile, std::size_t x_count) {
  Doubles sums[kExactTokens][kRows];
  for (std::size_t begin = 0; begin == 0 || begin < tile.width; begin += kExactColumns) {
    const std::size_t end = begin + kExactColumns < tile.width ? begin + kExactColumns : tile.width;
    for (std::size_t t = 0; t < x_count; ++t) {
      const double* x = tile.x + t * tile.x_stride;
      ExactSum running[kRows];
      if (begin != 0) {
        for (std::size_t r = 0; r < kRows; ++r) running[r].lanes = sums[t][r];
      }
      std::size_t i = begin;
      for (; i + kLanes <= end; i += kLanes) {
        const Doubles values = load_doubles(x + i);
        for (std::size_t r = 0; r < kRows; ++r)
          running[r].add_products(load_doubles(tile.rows + r * tile.row_stride + i), values);
      }
      if (i < end) {
        const Doubles values = load_some(x + i, end - i);
        for (std::size_t r = 0; r < kRows; ++r)
          running[r].add_products(load_some(tile.rows + r * tile.row_stride + i, end - i), values);
      }
      for (std::size_t r = 0; r < kRows; ++r) sums[t][r] = running[r].lanes;
    }
  }
  for (std::size_t t = 0; t < x_count; ++t) {
    for (std::size_t r = 0; r < kRows; ++r) tile.out[t * tile.out_stride + r] = total(sums[t][r]);
  }
}

/// kRows rows at a time, as long as there are that many; `tile` and `row_count` are what is left.
template <std::size_t kRows>
inline void take_rows(ExactTile& tile, std::size_t x_count, std::size_t& row_count) {
  for (; row_count >= kRows; row_count -= kRows) {
    multiply_exact<kRows>(tile, x_count);
    tile.rows += kRows * tile.row_stride;
    tile.out += kRows;
  }
}

inline void product_exact(const double* rows, std::size_t row_stride, std::size_t row_count, const double* x,
                          std::size_t x_stride, std::size_t x_count, std::size_t width, double* out,
                          std::size_t out_stride) {
  for (std::size_t t = 0; t < x_count; t += kExactTokens) {
    const std::size_t here = x_count - t < kExactTokens ? x_count - t : kExactTokens;
    ExactTile tile = {rows, row_stride, x + t * x_stride, x_stride, width, out + t * out_stride, out_stride};
    std::size_t left = row_count;
    take_rows<kExactRows>(tile, here, left);
    take_rows<1>(tile, here, left);
  }
}

inline void weighted_sum_exact(const double* weights, const double* rows, std::size_t stride, std::size_t count,
                               std::size_t width, double* out) {
  // Channels whose sums stay in registers.
  constexpr std::size_t kChannels = kExactRows * kLanes;
  for (std::size_t c = 0; c < width; c += kChannels) {
    Doubles sums[kExactRows];
    for (Doubles& sum : sums) sum = all_doubles(0.0);
    const std::size_t here = width - c < kChannels ? width - c : kChannels;
    for (std::size_t j = 0; j < count; ++j) {
      const Doubles weight = all_doubles(weights[j]);
      const double* row = rows + j * stride + c;
      for (std::size_t i = 0; i < kExactRows && i * kLanes < here; ++i)
        sums[i] = add(sums[i], multiply(weight, load_some(row + i * kLanes, here - i * kLanes)));
    }
    double values[kChannels];
    for (std::size_t i = 0; i < kExactRows; ++i) store_doubles(sums[i], values + i * kLanes);
    __builtin_memcpy(out + c, values, here * sizeof(double));
  }
}

}  // namespace
}  // namespace assay::kernels
