// The float operations of one block for eight rows of one token, exactly as the head of kernels.h declares them.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/generic/block_scale.h"
#include "kernels/generic/product_driver.h"

namespace assay::kernels {
namespace {

/// d and dmin of eight blocks.
struct WeightScales {
  __m256 d, dmin;
};

/// d and dmin side by side, as halves.
inline WeightScales scale_pairs(__m256i pairs) {
  const __m256i d = _mm256_and_si256(pairs, _mm256_set1_epi32(0xFFFF));
  const __m256i packed = _mm256_packus_epi32(d, _mm256_srli_epi32(pairs, 16));
  const __m256i ordered = _mm256_permute4x64_epi64(packed, 0xD8);
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(ordered)), _mm256_cvtph_ps(_mm256_extracti128_si256(ordered, 1))};
}

/// Of the blocks at `offset` of each row.
template <typename Format>
inline WeightScales weight_scales(const Byte* const* rows, std::size_t offset) {
  if constexpr (!has_half_scale<Format>()) {
    const auto d = [&](int i) { return Format::scale(rows[i] + offset); };
    return {_mm256_setr_ps(d(0), d(1), d(2), d(3), d(4), d(5), d(6), d(7)), _mm256_setzero_ps()};
  } else if constexpr (Format::kHasMin) {
    offset += scale_offset<Format>();
    const auto pair = [&](int i) { return static_cast<int>(load_double_word(rows[i] + offset)); };
    return scale_pairs(_mm256_setr_epi32(pair(0), pair(1), pair(2), pair(3), pair(4), pair(5), pair(6), pair(7)));
  } else {
    const auto word = [&](int i) { return static_cast<short>(half_scale<Format>(rows[i] + offset)); };
    const __m128i d = _mm_setr_epi16(word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7));
    constexpr float kFactor = scale_factor<Format>();
    const __m256 scales = _mm256_cvtph_ps(d);
    return {kFactor == 1 ? scales : _mm256_mul_ps(scales, _mm256_set1_ps(kFactor)), _mm256_setzero_ps()};
  }
}

/// acc = fma(d_w * d_x, I, acc), then acc = fma(-(dmin_w * d_x), M, acc).
template <bool kHasMin>
inline __m256 float_step(__m256 sum, const WeightScales& weight, __m256 d, __m256 joined, __m256i min) {
  sum = _mm256_fmadd_ps(_mm256_mul_ps(weight.d, d), joined, sum);
  if constexpr (kHasMin) sum = _mm256_fnmadd_ps(_mm256_mul_ps(weight.dmin, d), _mm256_cvtepi32_ps(min), sum);
  return sum;
}

inline void store_outputs(const RowTile& tile, __m256 sums, float* out) {
  float values[kTile];
  _mm256_storeu_ps(values, sums);
  tile.store(values, out);
}

}  // namespace
}  // namespace assay::kernels
