// What AVX2 and AVX-512 say with the same instructions: one lane of 16 bytes, one half, and the ends of sums.
#pragma once

#include <cstdint>

#include <immintrin.h>

namespace assay::kernels {
namespace {

using Lane = __m128i;  ///< 16 bytes

inline Lane load_lane(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline Lane lane_of(std::uint64_t low, std::uint64_t high) {
  return _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
}
/// Byte 0 of a, byte 0 of b, byte 1 of a, ...
inline Lane lane_of_turns(std::uint64_t a, std::uint64_t b) {
  return _mm_unpacklo_epi8(_mm_cvtsi64_si128(static_cast<long long>(a)), _mm_cvtsi64_si128(static_cast<long long>(b)));
}
/// Each of eight bytes twice.
inline Lane lane_of_pairs(std::uint64_t bytes) { return lane_of_turns(bytes, bytes); }
/// Each byte shifted to the right, and of that the bits of `mask`, which must drop what crosses from byte to byte.
template <int kCount>
inline Lane shifted_bytes(Lane a, int mask) {
  return _mm_and_si128(_mm_srli_epi16(a, kCount), _mm_set1_epi8(static_cast<char>(mask)));
}
inline Lane subtract_from_bytes(Lane a, int value) { return _mm_sub_epi8(a, _mm_set1_epi8(static_cast<char>(value))); }

// Packed fields to bytes and words of 64 bits.

/// Four bytes to four words.
inline std::uint64_t words_of_bytes(std::uint32_t bytes) { return _pdep_u64(bytes, 0x00FF00FF00FF00FFU); }
/// Four fields of kBits bits each to the upper bytes of four words.
template <int kBits>
inline std::uint64_t upper_bytes_of_words(std::uint64_t fields) {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << kBits) - 1;
  return _pdep_u64(fields, kMask << 8 | kMask << 24 | kMask << 40 | kMask << 56);
}
/// Eight fields of seven bits to eight bytes.
inline std::uint64_t bytes_of_sevens(std::uint64_t fields) { return _pdep_u64(fields, 0x7F7F7F7F7F7F7F7FU); }
/// Bits 9-15 of two times four words to eight bytes.
inline std::uint64_t bytes_of_upper_sevens(std::uint64_t first, std::uint64_t second) {
  constexpr std::uint64_t kUpper = 0xFE00FE00FE00FE00U;
  return bytes_of_sevens(_pext_u64(first, kUpper) | _pext_u64(second, kUpper) << 28);
}
/// Three bits each, four from bit 0 of both words on, to eight bytes.
inline std::uint64_t bytes_of_threes(std::uint32_t two_words) {
  return _pdep_u64(_pext_u32(two_words, 0x0FFF0FFFU), 0x0707070707070707U);
}
/// Bit 3 of eight nibbles to eight bytes.
inline std::uint64_t bytes_of_top_bits(std::uint32_t nibbles) {
  return _pdep_u64(_pext_u32(nibbles, 0x88888888U), 0x0101010101010101U);
}
/// The upper nibbles of four words, side by side.
inline std::uint16_t word_of_top_nibbles(std::uint64_t words) {
  return static_cast<std::uint16_t>(_pext_u64(words, 0xF000F000F000F000U));
}
/// The upper nibbles of eight words to eight bytes.
inline std::uint64_t top_nibbles_of_words(const void* p) {
  const __m128i nibbles = _mm_srli_epi16(load_lane(p), 12);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_packus_epi16(nibbles, nibbles)));
}

inline float float_of_half(std::uint16_t half) { return _cvtsh_ss(half); }

/// Lanes i + (i + 4), then + (i + 2), then + (i + 1).
inline float halving_total(__m256 eight) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}
/// Lanes i + (i + 2), then + (i + 1).
inline double halving_total(__m256d four) {
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

}  // namespace
}  // namespace assay::kernels
