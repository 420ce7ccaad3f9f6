// 64 bytes of integers or floats as two registers of AVX2. The names and what they do: kernels/avx512/vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/x86/lane.h"

namespace assay::kernels {
namespace {

struct Int {
  __m256i low, high;
};
struct Float {
  __m256 low, high;
};
using Int8 = __m256i;

/// Tiles of float products that fill 16 registers: rows of a single token, and rows and tokens of a batch.
inline constexpr std::size_t kDotRowsAlone = 1;
inline constexpr std::size_t kDotRows = 2;
inline constexpr std::size_t kDotTokens = 2;
inline constexpr std::size_t kPartLanes = 8;
inline constexpr std::size_t kFewestPackedBytes = 2;
inline constexpr std::size_t kPartRows = 2;
inline constexpr std::size_t kPartTokens = 6;
inline constexpr std::size_t kPanelsAtOnce = 1;
inline constexpr std::size_t kPanelTokens = 4;
inline constexpr std::size_t kWordSteps = 1;
// Sums in float64 that its registers hold.
inline constexpr std::size_t kExactRows = 2;

inline Int zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
inline Int all_bytes(int value) {
  const __m256i v = _mm256_set1_epi8(static_cast<char>(value));
  return {v, v};
}
inline Int all_words(int value) {
  const __m256i v = _mm256_set1_epi16(static_cast<short>(value));
  return {v, v};
}
inline Int all_ints(std::int32_t value) { return {_mm256_set1_epi32(value), _mm256_set1_epi32(value)}; }
inline Int load(const void* p) {
  const auto* vectors = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(vectors), _mm256_loadu_si256(vectors + 1)};
}
inline void store(Int a, void* p) {
  auto* vectors = static_cast<__m256i*>(p);
  _mm256_storeu_si256(vectors, a.low);
  _mm256_storeu_si256(vectors + 1, a.high);
}
inline Int same_ints(const void* p) {
  std::int32_t value;
  __builtin_memcpy(&value, p, sizeof value);
  return all_ints(value);
}
inline Int load_twice(const void* p) {
  const __m256i v = _mm256_loadu_si256(static_cast<const __m256i*>(p));
  return {v, v};
}
inline Int widen_unsigned(const void* a, const void* b) {
  return {_mm256_cvtepu8_epi16(load_lane(a)), _mm256_cvtepu8_epi16(load_lane(b))};
}
inline Int widen_signed(const void* a, const void* b) {
  return {_mm256_cvtepi8_epi16(load_lane(a)), _mm256_cvtepi8_epi16(load_lane(b))};
}
inline __m256i load_lanes(const void* a, const void* b) { return _mm256_set_m128i(load_lane(b), load_lane(a)); }
inline Int widen_signed(__m256i bytes) {
  return {_mm256_cvtepi8_epi16(_mm256_castsi256_si128(bytes)),
          _mm256_cvtepi8_epi16(_mm256_extracti128_si256(bytes, 1))};
}
inline Int widen_signed_to_ints(__m128i bytes) {
  return {_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes))};
}
inline __m256i half_words_where(std::uint32_t bits, __m256i value) {
  const __m256i own_bit =
      _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, -32768);
  const __m256i found = _mm256_and_si256(_mm256_set1_epi16(static_cast<short>(bits)), own_bit);
  return _mm256_and_si256(_mm256_cmpeq_epi16(found, own_bit), value);
}
inline Int words_where(std::uint32_t first, std::uint32_t second, int value) {
  const __m256i v = _mm256_set1_epi16(static_cast<short>(value));
  return {half_words_where(first, v), half_words_where(second, v)};
}

inline Int bit_and(Int a, Int b) { return {_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)}; }
inline Int bit_or(Int a, Int b) { return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)}; }
inline Int bit_xor(Int a, Int b) { return {_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)}; }
inline Int add_bytes(Int a, Int b) { return {_mm256_add_epi8(a.low, b.low), _mm256_add_epi8(a.high, b.high)}; }
inline __m256i times_half_bytes(__m256i a, __m256i b) {
  const __m256i even = _mm256_mullo_epi16(a, b);
  const __m256i upper = _mm256_set1_epi16(static_cast<short>(0xFF00));
  const __m256i odd = _mm256_mullo_epi16(_mm256_and_si256(a, upper), _mm256_srli_epi16(b, 8));
  return _mm256_blendv_epi8(even, odd, upper);
}
inline Int times_bytes(Int a, Int b) { return {times_half_bytes(a.low, b.low), times_half_bytes(a.high, b.high)}; }
inline Int ones_from(Int a, int threshold) {
  const __m256i from = _mm256_set1_epi8(static_cast<char>(threshold));
  const auto half = [&](__m256i v) {
    return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_max_epu8(v, from), v), _mm256_set1_epi8(1));
  };
  return {half(a.low), half(a.high)};
}
inline __m256i half_negative_where(__m256i a, std::uint32_t bits) {
  const __m256i own_byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i own_bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201U));
  const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), own_byte);
  const __m256i found = _mm256_cmpeq_epi8(_mm256_and_si256(spread, own_bit), own_bit);
  return _mm256_sub_epi8(_mm256_xor_si256(a, found), found);
}
inline Int negative_where(Int a, std::uint64_t bits) {
  return {half_negative_where(a.low, static_cast<std::uint32_t>(bits)),
          half_negative_where(a.high, static_cast<std::uint32_t>(bits >> 32))};
}
inline Int look_up(Lane table, Int index) {
  const __m256i both = _mm256_broadcastsi128_si256(table);
  return {_mm256_shuffle_epi8(both, index.low), _mm256_shuffle_epi8(both, index.high)};
}
inline Int join_lanes(Lane a, Lane b, Lane c, Lane d) { return {_mm256_set_m128i(b, a), _mm256_set_m128i(d, c)}; }
inline Int nibbles_by_lane(const void* p) {
  const Lane first = load_lane(p);
  const Lane second = load_lane(static_cast<const std::uint8_t*>(p) + 16);
  return {_mm256_set_m128i(shifted_bytes<4>(first, 15), shifted_bytes<0>(first, 15)),
          _mm256_set_m128i(shifted_bytes<4>(second, 15), shifted_bytes<0>(second, 15))};
}
inline Int nibbles_by_eights(const void* p) {
  const auto sixteen = [](Lane packed) {
    const Lane low = shifted_bytes<0>(packed, 15);
    const Lane high = shifted_bytes<4>(packed, 15);
    return _mm256_set_m128i(_mm_unpackhi_epi64(low, high), _mm_unpacklo_epi64(low, high));
  };
  return {sixteen(load_lane(p)), sixteen(load_lane(static_cast<const std::uint8_t*>(p) + 16))};
}
template <int kBytes>
inline std::uint64_t top_nibbles(const void* p) {
  const auto* bytes = static_cast<const std::uint8_t*>(p);
  std::uint64_t nibbles = 0;
  for (int i = 0; i < 8; ++i) nibbles |= std::uint64_t{bytes[kBytes * i + kBytes - 1]} >> 4 << (8 * i);
  return nibbles;
}
inline Int entries_of_eight(const std::uint64_t* entries, std::uint64_t first, std::uint64_t second) {
  const auto entry = [&](std::uint64_t words, int i) {
    return static_cast<long long>(entries[words >> (16 * i) & 0xFFFF]);
  };
  return {_mm256_setr_epi64x(entry(first, 0), entry(first, 1), entry(first, 2), entry(first, 3)),
          _mm256_setr_epi64x(entry(second, 0), entry(second, 1), entry(second, 2), entry(second, 3))};
}
inline Lane four_entries(const std::uint32_t* entries, const std::uint8_t* low, std::uint32_t upper) {
  const auto entry = [&](int i) { return static_cast<int>(entries[low[i] | (upper >> i & 1) << 8]); };
  return _mm_setr_epi32(entry(0), entry(1), entry(2), entry(3));
}
inline Int entries_of_four(const std::uint32_t* entries, const void* low, std::uint32_t upper) {
  const auto* bytes = static_cast<const std::uint8_t*>(low);
  return join_lanes(four_entries(entries, bytes, upper), four_entries(entries, bytes + 4, upper >> 4),
                    four_entries(entries, bytes + 8, upper >> 8), four_entries(entries, bytes + 12, upper >> 12));
}
inline Int subtract_bytes(Int a, Int b) { return {_mm256_sub_epi8(a.low, b.low), _mm256_sub_epi8(a.high, b.high)}; }
inline Int subtract_words(Int a, Int b) { return {_mm256_sub_epi16(a.low, b.low), _mm256_sub_epi16(a.high, b.high)}; }
inline Int add_ints(Int a, Int b) { return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)}; }
inline Int subtract_ints(Int a, Int b) { return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)}; }
inline Int multiply_ints(Int a, Int b) {
  return {_mm256_mullo_epi32(a.low, b.low), _mm256_mullo_epi32(a.high, b.high)};
}
inline Int max_ints(Int a, Int b) { return {_mm256_max_epi32(a.low, b.low), _mm256_max_epi32(a.high, b.high)}; }
template <int kCount>
inline Int shift_words_right(Int a) {
  return {_mm256_srli_epi16(a.low, kCount), _mm256_srli_epi16(a.high, kCount)};
}
template <int kCount>
inline Int shift_ints_left(Int a) {
  return {_mm256_slli_epi32(a.low, kCount), _mm256_slli_epi32(a.high, kCount)};
}
template <int kCount>
inline Int shift_ints_right(Int a) {
  return {_mm256_srai_epi32(a.low, kCount), _mm256_srai_epi32(a.high, kCount)};
}
template <int kCount>
inline __m256i move_half_bits(__m256i a, __m256i mask) {
  if constexpr (kCount > 0) a = _mm256_srli_epi16(a, kCount);
  if constexpr (kCount < 0) a = _mm256_slli_epi16(a, -kCount);
  return _mm256_and_si256(a, mask);
}
template <int kLow, int kHigh>
inline Int move_bits(Int a, int mask) {
  const __m256i v = _mm256_set1_epi8(static_cast<char>(mask));
  return {move_half_bits<kLow>(a.low, v), move_half_bits<kHigh>(a.high, v)};
}

inline Int multiply_bytes(Int unsigned_bytes, Int signed_bytes) {
  return {_mm256_maddubs_epi16(unsigned_bytes.low, signed_bytes.low),
          _mm256_maddubs_epi16(unsigned_bytes.high, signed_bytes.high)};
}
inline Int dot_words(Int sum, Int a, Int b) {
  return add_ints(sum, {_mm256_madd_epi16(a.low, b.low), _mm256_madd_epi16(a.high, b.high)});
}
inline Int dot_bytes(Int sum, Int unsigned_bytes, Int signed_bytes) {
  return dot_words(sum, multiply_bytes(unsigned_bytes, signed_bytes), all_words(1));
}
inline Int dot_wide_bytes(Int sum, Int unsigned_bytes, Int signed_bytes) {
  // Every other product, so that none are added in 16 bits.
  sum = dot_bytes(sum, bit_and(unsigned_bytes, all_words(0x00FF)), signed_bytes);
  return dot_bytes(sum, bit_and(unsigned_bytes, all_words(0xFF00)), signed_bytes);
}

inline void join_half_planes(__m256i hi, __m256i lo, __m256i& low, __m256i& high) {
  const __m256i first = _mm256_unpacklo_epi8(lo, hi);
  const __m256i second = _mm256_unpackhi_epi8(lo, hi);
  low = _mm256_permute2x128_si256(first, second, 0x20);
  high = _mm256_permute2x128_si256(first, second, 0x31);
}
inline void join_planes(Int hi, Int lo, Int& low, Int& high) {
  join_half_planes(hi.low, lo.low, low.low, high.low);
  join_half_planes(hi.high, lo.high, low.high, high.high);
}

struct Scales {
  __m256i first, second;  ///< eight words, the same in both lanes
};
inline Scales make_scales(__m128i signed_bytes) {
  const __m256i words = _mm256_cvtepi8_epi16(signed_bytes);
  return {_mm256_permute4x64_epi64(words, 0x44), _mm256_permute4x64_epi64(words, 0xEE)};
}
template <int kQuarter>
inline Int spread(Scales scales) {
  const __m256i words = kQuarter < 2 ? scales.first : scales.second;
  constexpr int kFirst = 0x0100 + 0x0202 * 4 * (kQuarter % 2);
  const __m256i low = _mm256_setr_m128i(_mm_set1_epi16(kFirst), _mm_set1_epi16(kFirst + 0x0202));
  const __m256i high = _mm256_setr_m128i(_mm_set1_epi16(kFirst + 0x0404), _mm_set1_epi16(kFirst + 0x0606));
  return {_mm256_shuffle_epi8(words, low), _mm256_shuffle_epi8(words, high)};
}
template <int kQuarter>
inline Int spread_ints(Int scales) {
  const __m256i eight = kQuarter < 2 ? scales.low : scales.high;
  constexpr int kFirst = 4 * (kQuarter % 2);
  return {_mm256_permutevar8x32_epi32(
              eight, _mm256_setr_epi32(kFirst, kFirst, kFirst, kFirst, kFirst + 1, kFirst + 1, kFirst + 1, kFirst + 1)),
          _mm256_permutevar8x32_epi32(eight, _mm256_setr_epi32(kFirst + 2, kFirst + 2, kFirst + 2, kFirst + 2,
                                                               kFirst + 3, kFirst + 3, kFirst + 3, kFirst + 3))};
}

inline __m256i add_neighbours(__m256i a, __m256i b) {
  return _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
}
inline __m256i add_neighbour_pairs(__m256i a, __m256i b) {
  return _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
}
/// Of eight vectors, each lane by itself.
inline void lane_totals(const __m256i* v, Int8& first, Int8& second) {
  const __m256i a = add_neighbour_pairs(add_neighbours(v[0], v[1]), add_neighbours(v[2], v[3]));
  const __m256i b = add_neighbour_pairs(add_neighbours(v[4], v[5]), add_neighbours(v[6], v[7]));
  first = _mm256_permute2x128_si256(a, b, 0x20);
  second = _mm256_permute2x128_si256(a, b, 0x31);
}
inline __m256i tree(const __m256i* v) {
  Int8 first;
  Int8 second;
  lane_totals(v, first, second);
  return _mm256_add_epi32(first, second);
}
inline Int8 totals(const Int* v) {
  __m256i folded[8];
  for (int i = 0; i < 8; ++i) folded[i] = _mm256_add_epi32(v[i].low, v[i].high);
  return tree(folded);
}
inline void totals(const Int* v, const Int* w, Int8& v_totals, Int8& w_totals) {
  v_totals = totals(v);
  w_totals = totals(w);
}
inline void half_totals(const Int* v, Int8& lower, Int8& upper) {
  __m256i half[8];
  for (int i = 0; i < 8; ++i) half[i] = v[i].low;
  lower = tree(half);
  for (int i = 0; i < 8; ++i) half[i] = v[i].high;
  upper = tree(half);
}
/// Totals of each of the four lanes of v[0..7].
inline void lane_totals(const Int* v, Int8* lanes) {
  __m256i half[8];
  for (int i = 0; i < 8; ++i) half[i] = v[i].low;
  lane_totals(half, lanes[0], lanes[1]);
  for (int i = 0; i < 8; ++i) half[i] = v[i].high;
  lane_totals(half, lanes[2], lanes[3]);
}
/// Eight vectors to eight.
inline void transpose_half(const __m256i* rows, __m256i* columns) {
  __m256i fours[8];
  for (int i = 0; i < 8; i += 4) {
    const __m256i a = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
    const __m256i b = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
    const __m256i c = _mm256_unpacklo_epi32(rows[i + 2], rows[i + 3]);
    const __m256i d = _mm256_unpackhi_epi32(rows[i + 2], rows[i + 3]);
    fours[i] = _mm256_unpacklo_epi64(a, c);
    fours[i + 1] = _mm256_unpackhi_epi64(a, c);
    fours[i + 2] = _mm256_unpacklo_epi64(b, d);
    fours[i + 3] = _mm256_unpackhi_epi64(b, d);
  }
  for (int i = 0; i < 4; ++i) {
    columns[i] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x20);
    columns[i + 4] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x31);
  }
}
inline void transpose_ints(const Int* rows, Int* columns) {
  __m256i part[8];
  __m256i turned[8];
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 8; ++i) part[i] = rows[8 * half + i].low;
    transpose_half(part, turned);
    for (int i = 0; i < 8; ++i) (half == 0 ? columns[i].low : columns[i].high) = turned[i];
    for (int i = 0; i < 8; ++i) part[i] = rows[8 * half + i].high;
    transpose_half(part, turned);
    for (int i = 0; i < 8; ++i) (half == 0 ? columns[8 + i].low : columns[8 + i].high) = turned[i];
  }
}
inline std::int32_t total(Int a) {
  const __m256i both = _mm256_add_epi32(a.low, a.high);
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1)));
}
inline std::int32_t largest(Int a) {
  const __m256i both = _mm256_max_epi32(a.low, a.high);
  __m128i most = _mm_max_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  most = _mm_max_epi32(most, _mm_shuffle_epi32(most, 0x4E));
  return _mm_cvtsi128_si32(_mm_max_epi32(most, _mm_shuffle_epi32(most, 0xB1)));
}

inline void store_bytes(Int a, void* p) {
  const __m256i low_byte = _mm256_set1_epi32(255);
  const __m256i words = _mm256_packus_epi32(_mm256_and_si256(a.low, low_byte), _mm256_and_si256(a.high, low_byte));
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0xD8);
  _mm_storeu_si128(static_cast<__m128i*>(p),
                   _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
}

inline Float all_floats(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
inline Float load_floats(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store_floats(Float a, float* p) {
  _mm256_storeu_ps(p, a.low);
  _mm256_storeu_ps(p + 8, a.high);
}
inline Float load_halves(const std::uint16_t* p) {
  return {_mm256_cvtph_ps(load_lane(p)), _mm256_cvtph_ps(load_lane(p + 8))};
}
inline __m256 half_of_bfloats(const std::uint16_t* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_lane(p)), 16));
}
inline Float load_bfloats(const std::uint16_t* p) { return {half_of_bfloats(p), half_of_bfloats(p + 8)}; }
inline void store_halves(Float a, std::uint16_t* p) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(a.low, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), _mm256_cvtps_ph(a.high, _MM_FROUND_TO_NEAREST_INT));
}
inline Float add(Float a, Float b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
inline Float subtract(Float a, Float b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
inline Float multiply(Float a, Float b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
inline Float divide(Float a, Float b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
inline Float fused(Float a, Float b, Float c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline Float fused_negative(Float a, Float b, Float c) {
  return {_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high)};
}
using Part = __m256;
inline Part zero_part() { return _mm256_setzero_ps(); }
inline Part load_part(const float* p) { return _mm256_loadu_ps(p); }
inline void store_part(Part a, float* p) { _mm256_storeu_ps(p, a); }
inline Part add_parts(Part a, Part b) { return _mm256_add_ps(a, b); }
inline Part fused_part(Part a, Part b, Part c) { return _mm256_fmadd_ps(a, b, c); }
inline Float max(Float a, Float b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
inline Float min(Float a, Float b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
inline Int bits_of(Float a) { return {_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)}; }
inline Float floats_of(Int a) { return {_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)}; }
inline Int round_to_ints(Float a) { return {_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high)}; }
inline Float to_floats(Int a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }
inline float total(Float a) { return halving_total(_mm256_add_ps(a.low, a.high)); }
/// Of eight vectors.
inline __m256 half_of_totals(const Float* v) {
  const auto folded = [&](int i) { return _mm256_add_ps(v[i].low, v[i].high); };
  const auto quarters = [](__m256 a, __m256 b) {  // of each: lanes i + (i + 4)
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
  };
  const auto pairs = [](__m256 a, __m256 b) {  // lanes i + (i + 2)
    const __m256d c = _mm256_castps_pd(a);
    const __m256d d = _mm256_castps_pd(b);
    return _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(c, d)), _mm256_castpd_ps(_mm256_unpackhi_pd(c, d)));
  };
  const __m256 low = pairs(quarters(folded(0), folded(4)), quarters(folded(1), folded(5)));
  const __m256 high = pairs(quarters(folded(2), folded(6)), quarters(folded(3), folded(7)));
  return _mm256_add_ps(_mm256_shuffle_ps(low, high, 0x88), _mm256_shuffle_ps(low, high, 0xDD));
}
inline Float float_totals(const Float* v) { return {half_of_totals(v), half_of_totals(v + 8)}; }

struct Doubles {
  __m256d part[4];
};
inline Doubles all_doubles(double value) {
  const __m256d v = _mm256_set1_pd(value);
  return {{v, v, v, v}};
}
inline Doubles load_doubles(const double* p) {
  return {{_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4), _mm256_loadu_pd(p + 8), _mm256_loadu_pd(p + 12)}};
}
inline void store_doubles(const Doubles& a, double* p) {
  for (int i = 0; i < 4; ++i) _mm256_storeu_pd(p + 4 * i, a.part[i]);
}
// Without loops: an array that is indexed by a variable is kept in memory.
inline Doubles add(const Doubles& a, const Doubles& b) {
  return {{_mm256_add_pd(a.part[0], b.part[0]), _mm256_add_pd(a.part[1], b.part[1]),
           _mm256_add_pd(a.part[2], b.part[2]), _mm256_add_pd(a.part[3], b.part[3])}};
}
inline Doubles multiply(const Doubles& a, const Doubles& b) {
  return {{_mm256_mul_pd(a.part[0], b.part[0]), _mm256_mul_pd(a.part[1], b.part[1]),
           _mm256_mul_pd(a.part[2], b.part[2]), _mm256_mul_pd(a.part[3], b.part[3])}};
}
inline Doubles fused_subtract(const Doubles& a, const Doubles& b, const Doubles& c) {
  return {{_mm256_fmsub_pd(a.part[0], b.part[0], c.part[0]), _mm256_fmsub_pd(a.part[1], b.part[1], c.part[1]),
           _mm256_fmsub_pd(a.part[2], b.part[2], c.part[2]), _mm256_fmsub_pd(a.part[3], b.part[3], c.part[3])}};
}
inline Doubles doubles_of_ints(__m256i low, __m256i high) {
  return {{_mm256_cvtepi32_pd(_mm256_castsi256_si128(low)), _mm256_cvtepi32_pd(_mm256_extracti128_si256(low, 1)),
           _mm256_cvtepi32_pd(_mm256_castsi256_si128(high)), _mm256_cvtepi32_pd(_mm256_extracti128_si256(high, 1))}};
}
inline Doubles doubles_of_signed_bytes(__m128i a) {
  return doubles_of_ints(_mm256_cvtepi8_epi32(a), _mm256_cvtepi8_epi32(_mm_srli_si128(a, 8)));
}
template <int kHalf>
inline Doubles doubles_of_words(Int a) {
  const __m256i half = kHalf == 0 ? a.low : a.high;
  return doubles_of_ints(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(half)),
                         _mm256_cvtepi16_epi32(_mm256_extracti128_si256(half, 1)));
}
inline Doubles doubles_of(Float a) {
  return {{_mm256_cvtps_pd(_mm256_castps256_ps128(a.low)), _mm256_cvtps_pd(_mm256_extractf128_ps(a.low, 1)),
           _mm256_cvtps_pd(_mm256_castps256_ps128(a.high)), _mm256_cvtps_pd(_mm256_extractf128_ps(a.high, 1))}};
}
inline double total(const Doubles& a) {
  return halving_total(_mm256_add_pd(_mm256_add_pd(a.part[0], a.part[2]), _mm256_add_pd(a.part[1], a.part[3])));
}
template <int kLane>
inline __m128i lane(Int a) {
  return _mm256_extracti128_si256(kLane < 2 ? a.low : a.high, kLane % 2);
}

}  // namespace
}  // namespace assay::kernels
