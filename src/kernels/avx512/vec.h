// 64 bytes of integers or floats as one register of AVX-512. kernels/generic/ is written over these names;
// kernels/avx2/vec.h has the same ones. "Half" is 32 bytes, "lane" 16.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/x86/lane.h"

namespace assay::kernels {
namespace {

using Int = __m512i;   ///< 64 bytes, 32 words or 16 ints
using Float = __m512;  ///< 16 floats
using Int8 = __m256i;  ///< 8 ints

/// Tiles of float products that fill 32 registers: rows of a single token, and rows and tokens of a batch.
inline constexpr std::size_t kDotRowsAlone = 4;
inline constexpr std::size_t kDotRows = 4;
inline constexpr std::size_t kDotTokens = 6;
/// Lanes of a register, the tile of packed products (generic/float_block.h), and bytes of the smallest values that are
/// packed: halves as they stand are as fast.
inline constexpr std::size_t kPartLanes = 16;
inline constexpr std::size_t kFewestPackedBytes = 4;
inline constexpr std::size_t kPartRows = 4;
inline constexpr std::size_t kPartTokens = 6;
/// The tile of a panel's product (generic/panel.h): panels and tokens, one sum for each pair. Several panels share what
/// is loaded of a token.
inline constexpr std::size_t kPanelsAtOnce = 2;
inline constexpr std::size_t kPanelTokens = 8;
/// How often dot_words() may stand in for one multiply_ints() and add_ints() and cost less.
inline constexpr std::size_t kWordSteps = 2;
// Sums in float64 that its registers hold.
inline constexpr std::size_t kExactRows = 4;

inline Int zero() { return _mm512_setzero_si512(); }
inline Int all_bytes(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }
inline Int all_words(int value) { return _mm512_set1_epi16(static_cast<short>(value)); }
inline Int all_ints(std::int32_t value) { return _mm512_set1_epi32(value); }
inline Int load(const void* p) { return _mm512_loadu_si512(p); }
inline void store(Int a, void* p) { _mm512_storeu_si512(p, a); }
/// The int at p everywhere.
inline Int same_ints(const void* p) {
  std::int32_t value;
  __builtin_memcpy(&value, p, sizeof value);
  return _mm512_set1_epi32(value);
}
/// The same 32 bytes in both halves.
inline Int load_twice(const void* p) {
  return _mm512_broadcast_i64x4(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
inline __m256i load_lanes(const void* a, const void* b) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(a))),
                                 _mm_loadu_si128(static_cast<const __m128i*>(b)), 1);
}
/// 32 bytes at `a`, then 32 at `b`.
inline Int load_two_halves(const void* a, const void* b) {
  const auto half = [](const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); };
  return _mm512_inserti64x4(_mm512_castsi256_si512(half(a)), half(b), 1);
}
/// 16 bytes at `a` and 16 at `b` as 32 words.
inline Int widen_unsigned(const void* a, const void* b) { return _mm512_cvtepu8_epi16(load_lanes(a, b)); }
inline Int widen_signed(const void* a, const void* b) { return _mm512_cvtepi8_epi16(load_lanes(a, b)); }
inline Int widen_signed(__m256i bytes) { return _mm512_cvtepi8_epi16(bytes); }
/// 16 bytes as ints.
inline Int widen_signed_to_ints(__m128i bytes) { return _mm512_cvtepi8_epi32(bytes); }
/// Words of `value` where a bit is set: bits of `first` in the lower half, of `second` in the upper.
inline Int words_where(std::uint32_t first, std::uint32_t second, int value) {
  return _mm512_maskz_set1_epi16((first & 0xFFFFU) | second << 16, static_cast<short>(value));
}

inline Int bit_and(Int a, Int b) { return _mm512_and_si512(a, b); }
inline Int bit_or(Int a, Int b) { return _mm512_or_si512(a, b); }
inline Int bit_xor(Int a, Int b) { return _mm512_xor_si512(a, b); }
inline Int add_bytes(Int a, Int b) { return _mm512_add_epi8(a, b); }
inline Int subtract_bytes(Int a, Int b) { return _mm512_sub_epi8(a, b); }
/// The low bytes of products of bytes.
inline Int times_bytes(Int a, Int b) {
  const Int even = _mm512_mullo_epi16(a, b);
  const Int odd = _mm512_mullo_epi16(_mm512_and_si512(a, all_words(0xFF00)), _mm512_srli_epi16(b, 8));
  return _mm512_mask_blend_epi8(0xAAAAAAAAAAAAAAAAU, even, odd);
}
/// 1 for each unsigned byte from `threshold` on, 0 for the others.
inline Int ones_from(Int a, int threshold) {
  return _mm512_maskz_set1_epi8(_mm512_cmpge_epu8_mask(a, all_bytes(threshold)), 1);
}
/// Byte i is negated where bit i is set.
inline Int negative_where(Int a, std::uint64_t bits) { return _mm512_mask_sub_epi8(a, bits, zero(), a); }
/// Bytes of a table of sixteen.
inline Int look_up(Lane table, Int index) { return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), index); }
inline Int join_lanes(Lane a, Lane b, Lane c, Lane d) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_set_m128i(b, a)), _mm256_set_m128i(d, c), 1);
}
/// Nibbles of 32 bytes: of each 16 bytes the low ones, then the high ones.
inline Int nibbles_by_lane(const void* p) {
  const Int packed = _mm512_castsi256_si512(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
  const Int twice = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 1, 0, 1, 2, 3, 2, 3), packed);
  const Int counts = _mm512_setr_epi64(0, 0, 4, 4, 0, 0, 4, 4);
  return bit_and(_mm512_srlv_epi64(twice, counts), all_bytes(15));
}
/// The same of each 8 bytes.
inline Int nibbles_by_eights(const void* p) {
  const Int packed = _mm512_castsi256_si512(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
  const Int twice = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), packed);
  const Int counts = _mm512_setr_epi64(0, 4, 0, 4, 0, 4, 0, 4);
  return bit_and(_mm512_srlv_epi64(twice, counts), all_bytes(15));
}
/// The upper nibbles of eight fields of kBytes bytes.
template <int kBytes>
inline std::uint64_t top_nibbles(const void* p) {
  static_assert(kBytes == 4 || kBytes == 8);
  __m128i nibbles;
  if constexpr (kBytes == 8) {
    nibbles = _mm512_cvtepi64_epi8(_mm512_srli_epi64(load(p), 60));
  } else {
    nibbles = _mm256_cvtepi32_epi8(_mm256_srli_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p)), 28));
  }
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(nibbles));
}
/// Eight entries of eight bytes, by two times four words that number them.
inline Int entries_of_eight(const std::uint64_t* entries, std::uint64_t first, std::uint64_t second) {
  return _mm512_i32gather_epi64(_mm256_cvtepu16_epi32(lane_of(first, second)), entries, 8);
}
/// Sixteen entries of four bytes; number i is byte i at `low` and, as bit 8, bit i of `upper`.
inline Int entries_of_four(const std::uint32_t* entries, const void* low, std::uint32_t upper) {
  const Int bytes = _mm512_cvtepu8_epi32(load_lane(low));
  return _mm512_i32gather_epi32(_mm512_mask_or_epi32(bytes, static_cast<__mmask16>(upper), bytes, all_ints(256)),
                                entries, 4);
}
inline Int subtract_words(Int a, Int b) { return _mm512_sub_epi16(a, b); }
inline Int add_ints(Int a, Int b) { return _mm512_add_epi32(a, b); }
inline Int subtract_ints(Int a, Int b) { return _mm512_sub_epi32(a, b); }
inline Int multiply_ints(Int a, Int b) { return _mm512_mullo_epi32(a, b); }
inline Int max_ints(Int a, Int b) { return _mm512_max_epi32(a, b); }
template <int kCount>
inline Int shift_words_right(Int a) {
  return _mm512_srli_epi16(a, kCount);
}
template <int kCount>
inline Int shift_ints_left(Int a) {
  return _mm512_slli_epi32(a, kCount);
}
template <int kCount>
inline Int shift_ints_right(Int a) {
  return _mm512_srai_epi32(a, kCount);
}
/// Moves bits of each byte to the right, by kLow in the lower half and kHigh in the upper (negative: to the left), and
/// keeps those under `mask`. The mask must drop whatever crosses from byte to byte.
template <int kLow, int kHigh>
inline Int move_bits(Int a, int mask) {
  const Int counts = _mm512_inserti64x4(_mm512_set1_epi32(kLow & 31), _mm256_set1_epi32(kHigh & 31), 1);
  return _mm512_and_si512(_mm512_rorv_epi32(a, counts), all_bytes(mask));
}

/// Words: sums of neighbouring products, saturating.
inline Int multiply_bytes(Int unsigned_bytes, Int signed_bytes) {
  return _mm512_maddubs_epi16(unsigned_bytes, signed_bytes);
}
/// sum + products of bytes, added by four. A sum of two of them must fit a word.
inline Int dot_bytes(Int sum, Int unsigned_bytes, Int signed_bytes) {
  return _mm512_dpbusd_epi32(sum, unsigned_bytes, signed_bytes);
}
/// The same of any bytes.
inline Int dot_wide_bytes(Int sum, Int unsigned_bytes, Int signed_bytes) {
  return dot_bytes(sum, unsigned_bytes, signed_bytes);
}
/// sum + products of words, added in pairs.
inline Int dot_words(Int sum, Int a, Int b) { return _mm512_dpwssd_epi32(sum, a, b); }

/// 256 * hi + lo as words for two blocks of 32: `low` holds values 0-15 of the first and of the second block, `high`
/// 16-31.
inline void join_planes(Int hi, Int lo, Int& low, Int& high) {
  const Int first = _mm512_unpacklo_epi8(lo, hi);
  const Int second = _mm512_unpackhi_epi8(lo, hi);
  low = _mm512_permutex2var_epi64(first, _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), second);
  high = _mm512_permutex2var_epi64(first, _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15), second);
}

/// 16 scales, one for each 16 values of a super-block.
struct Scales {
  __m512i words;  ///< in the lower half
};
inline Scales make_scales(__m128i signed_bytes) { return {_mm512_castsi256_si512(_mm256_cvtepi8_epi16(signed_bytes))}; }
/// Words: scale 4 kQuarter + i everywhere in lane i.
template <int kQuarter>
inline Int spread(Scales scales) {
  constexpr int kFirst = 0x0100 + 0x0202 * 4 * kQuarter;
  const __m512i index = _mm512_inserti64x4(
      _mm512_castsi256_si512(_mm256_setr_m128i(_mm_set1_epi16(kFirst), _mm_set1_epi16(kFirst + 0x0202))),
      _mm256_setr_m128i(_mm_set1_epi16(kFirst + 0x0404), _mm_set1_epi16(kFirst + 0x0606)), 1);
  return _mm512_permutexvar_epi8(index, scales.words);
}

/// Ints: the same from 16 ints.
template <int kQuarter>
inline Int spread_ints(Int scales) {
  constexpr int kFirst = 4 * kQuarter;
  return _mm512_permutexvar_epi32(
      _mm512_setr_epi32(kFirst, kFirst, kFirst, kFirst, kFirst + 1, kFirst + 1, kFirst + 1, kFirst + 1, kFirst + 2,
                        kFirst + 2, kFirst + 2, kFirst + 2, kFirst + 3, kFirst + 3, kFirst + 3, kFirst + 3),
      scales);
}

// Transposing add trees: the sum of the ints of each vector, or of each half of it, becomes one int of the result.
inline Int add_neighbours(Int a, Int b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}
inline Int add_neighbour_pairs(Int a, Int b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}
/// Four vectors to one: int i of each lane is vector i's sum over that lane.
inline Int lane_sums(const Int* v) {
  return add_neighbour_pairs(add_neighbours(v[0], v[1]), add_neighbours(v[2], v[3]));
}
/// Lanes a0+a1, a2+a3, b0+b1, b2+b3.
inline Int add_lanes(Int a, Int b) {
  return _mm512_add_epi32(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xDD));
}
/// Totals of v[0..7] and of w[0..7].
inline void totals(const Int* v, const Int* w, Int8& v_totals, Int8& w_totals) {
  const Int all = add_lanes(add_lanes(lane_sums(v), lane_sums(v + 4)), add_lanes(lane_sums(w), lane_sums(w + 4)));
  v_totals = _mm512_castsi512_si256(all);
  w_totals = _mm512_extracti64x4_epi64(all, 1);
}
inline Int8 totals(const Int* v) {
  const Int pairs = add_lanes(lane_sums(v), lane_sums(v + 4));
  return _mm512_castsi512_si256(add_lanes(pairs, pairs));
}
/// Totals of the lower and of the upper halves of v[0..7].
inline void half_totals(const Int* v, Int8& lower, Int8& upper) {
  const Int sums = add_lanes(lane_sums(v), lane_sums(v + 4));
  const Int ordered = _mm512_shuffle_i64x2(sums, sums, 0xD8);
  lower = _mm512_castsi512_si256(ordered);
  upper = _mm512_extracti64x4_epi64(ordered, 1);
}
/// Lane i of `first_rows`, then of `last_rows`.
inline void join_rows(Int first_rows, Int last_rows, Int8* lanes) {
  const Int low = _mm512_permutex2var_epi64(first_rows, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), last_rows);
  const Int high = _mm512_permutex2var_epi64(first_rows, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), last_rows);
  lanes[0] = _mm512_castsi512_si256(low);
  lanes[1] = _mm512_extracti64x4_epi64(low, 1);
  lanes[2] = _mm512_castsi512_si256(high);
  lanes[3] = _mm512_extracti64x4_epi64(high, 1);
}
/// Totals of each of the four lanes of v[0..7].
inline void lane_totals(const Int* v, Int8* lanes) { join_rows(lane_sums(v), lane_sums(v + 4), lanes); }
/// Sixteen vectors to sixteen: int i of `columns[k]` is int k of rows[i].
inline void transpose_ints(const Int* rows, Int* columns) {
  Int fours[16];  // int 4 k + j of fours[4 i + c] is int 4 k + c of rows[4 i + j]
  for (int i = 0; i < 16; i += 4) {
    const Int a = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    const Int b = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    const Int c = _mm512_unpacklo_epi32(rows[i + 2], rows[i + 3]);
    const Int d = _mm512_unpackhi_epi32(rows[i + 2], rows[i + 3]);
    fours[i] = _mm512_unpacklo_epi64(a, c);
    fours[i + 1] = _mm512_unpackhi_epi64(a, c);
    fours[i + 2] = _mm512_unpacklo_epi64(b, d);
    fours[i + 3] = _mm512_unpackhi_epi64(b, d);
  }
  for (int c = 0; c < 4; ++c) {
    const Int a = _mm512_shuffle_i32x4(fours[c], fours[c + 4], 0x88);
    const Int b = _mm512_shuffle_i32x4(fours[c], fours[c + 4], 0xDD);
    const Int d = _mm512_shuffle_i32x4(fours[c + 8], fours[c + 12], 0x88);
    const Int e = _mm512_shuffle_i32x4(fours[c + 8], fours[c + 12], 0xDD);
    columns[c] = _mm512_shuffle_i32x4(a, d, 0x88);
    columns[c + 4] = _mm512_shuffle_i32x4(b, e, 0x88);
    columns[c + 8] = _mm512_shuffle_i32x4(a, d, 0xDD);
    columns[c + 12] = _mm512_shuffle_i32x4(b, e, 0xDD);
  }
}
inline std::int32_t total(Int a) { return _mm512_reduce_add_epi32(a); }
inline std::int32_t largest(Int a) { return _mm512_reduce_max_epi32(a); }

/// The low bytes of 16 ints.
inline void store_bytes(Int a, void* p) { _mm_storeu_si128(static_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a)); }

inline Float all_floats(float value) { return _mm512_set1_ps(value); }
inline Float load_floats(const float* p) { return _mm512_loadu_ps(p); }
inline void store_floats(Float a, float* p) { _mm512_storeu_ps(p, a); }
inline Float load_halves(const std::uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline Float load_bfloats(const std::uint16_t* p) {
  const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16));
}
inline void store_halves(Float a, std::uint16_t* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}
inline Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
inline Float subtract(Float a, Float b) { return _mm512_sub_ps(a, b); }
inline Float multiply(Float a, Float b) { return _mm512_mul_ps(a, b); }
inline Float divide(Float a, Float b) { return _mm512_div_ps(a, b); }
/// a * b + c and c - a * b, rounded once.
inline Float fused(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
inline Float fused_negative(Float a, Float b, Float c) { return _mm512_fnmadd_ps(a, b, c); }
/// One register of floats.
using Part = Float;
inline Part zero_part() { return _mm512_setzero_ps(); }
inline Part load_part(const float* p) { return load_floats(p); }
inline void store_part(Part a, float* p) { store_floats(a, p); }
inline Part add_parts(Part a, Part b) { return add(a, b); }
inline Part fused_part(Part a, Part b, Part c) { return fused(a, b, c); }
/// b where either is NaN.
inline Float max(Float a, Float b) { return _mm512_max_ps(a, b); }
inline Float min(Float a, Float b) { return _mm512_min_ps(a, b); }
inline Int bits_of(Float a) { return _mm512_castps_si512(a); }
inline Float floats_of(Int a) { return _mm512_castsi512_ps(a); }
/// To the nearest integers, ties to even.
inline Int round_to_ints(Float a) { return _mm512_cvtps_epi32(a); }
inline Float to_floats(Int a) { return _mm512_cvtepi32_ps(a); }
/// Lanes i + (i + 8), then + (i + 4), 2, 1.
inline float total(Float a) {
  return halving_total(_mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1)));
}
/// Lane i: total(v[i]) of sixteen vectors, added in the same order.
inline Float float_totals(const Float* v) {
  const auto halves = [](Float a, Float b) {  // of each: lanes i + (i + 8)
    return add(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
  };
  const auto quarters = [](Float a, Float b) {  // lanes i + (i + 4)
    return add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
  };
  Float four[4];  // 128-bit lane j of four[i]: what is left of v[4 i + j]
  for (int i = 0; i < 4; ++i) four[i] = quarters(halves(v[4 * i], v[4 * i + 1]), halves(v[4 * i + 2], v[4 * i + 3]));
  const auto pairs = [](Float a, Float b) {  // lanes i + (i + 2)
    const __m512d c = _mm512_castps_pd(a);
    const __m512d d = _mm512_castps_pd(b);
    return add(_mm512_castpd_ps(_mm512_unpacklo_pd(c, d)), _mm512_castpd_ps(_mm512_unpackhi_pd(c, d)));
  };
  const Float low = pairs(four[0], four[1]);
  const Float high = pairs(four[2], four[3]);
  const Float sums = add(_mm512_shuffle_ps(low, high, 0x88), _mm512_shuffle_ps(low, high, 0xDD));
  const Int order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_ps(order, sums);
}

/// 16 doubles.
struct Doubles {
  __m512d low, high;
};
inline Doubles all_doubles(double value) { return {_mm512_set1_pd(value), _mm512_set1_pd(value)}; }
inline Doubles load_doubles(const double* p) { return {_mm512_loadu_pd(p), _mm512_loadu_pd(p + 8)}; }
inline void store_doubles(Doubles a, double* p) {
  _mm512_storeu_pd(p, a.low);
  _mm512_storeu_pd(p + 8, a.high);
}
inline Doubles add(Doubles a, Doubles b) { return {_mm512_add_pd(a.low, b.low), _mm512_add_pd(a.high, b.high)}; }
inline Doubles multiply(Doubles a, Doubles b) { return {_mm512_mul_pd(a.low, b.low), _mm512_mul_pd(a.high, b.high)}; }
/// a * b - c, rounded once.
inline Doubles fused_subtract(Doubles a, Doubles b, Doubles c) {
  return {_mm512_fmsub_pd(a.low, b.low, c.low), _mm512_fmsub_pd(a.high, b.high, c.high)};
}
inline Doubles doubles_of(Float a) {
  return {_mm512_cvtps_pd(_mm512_castps512_ps256(a)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1))};
}
inline Doubles doubles_of_signed_bytes(__m128i a) {
  return {_mm512_cvtepi64_pd(_mm512_cvtepi8_epi64(a)), _mm512_cvtepi64_pd(_mm512_cvtepi8_epi64(_mm_srli_si128(a, 8)))};
}
/// The 16 words of one half.
template <int kHalf>
inline Doubles doubles_of_words(Int a) {
  return {_mm512_cvtepi64_pd(_mm512_cvtepi16_epi64(_mm512_extracti32x4_epi32(a, 2 * kHalf))),
          _mm512_cvtepi64_pd(_mm512_cvtepi16_epi64(_mm512_extracti32x4_epi32(a, 2 * kHalf + 1)))};
}
/// Lanes i + (i + 8), then + (i + 4), 2, 1.
inline double total(Doubles a) {
  const __m512d eight = _mm512_add_pd(a.low, a.high);
  return halving_total(_mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1)));
}
/// Bytes 16 kLane to 16 kLane + 15.
template <int kLane>
inline __m128i lane(Int a) {
  return _mm512_extracti32x4_epi32(a, kLane);
}

}  // namespace
}  // namespace assay::kernels
