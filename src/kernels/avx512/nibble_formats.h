// How types with blocks of 32 values that end in nibbles are taken apart, four neighbouring blocks of a row at once:
// what the products of nibble_block.h multiply, and the scales of eight such rows.
//
// Included after avx512/vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/generic/float_step.h"
#include "kernels/generic/small_block.h"

namespace assay::kernels {
namespace {

inline constexpr std::size_t kNibbleBlocks = 4;

/// Values 0-15 of four blocks, a lane each, and 16-31.
struct Halves {
  Int low, high;
};
/// Of a plane's 128 bytes.
inline Halves halves(const void* plane) {
  const Int a = load(plane);
  const Int b = load(static_cast<const Byte*>(plane) + 64);
  return {_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xDD)};
}
inline Int dot_halves(Int sum, const Halves& unsigned_bytes, const Halves& signed_bytes) {
  return dot_wide_bytes(dot_wide_bytes(sum, unsigned_bytes.low, signed_bytes.low), unsigned_bytes.high,
                        signed_bytes.high);
}
/// Unsigned bytes less 128.
inline Halves without_128(const Halves& a) {
  return {bit_xor(a.low, all_bytes(-128)), bit_xor(a.high, all_bytes(-128))};
}

/// Four blocks of a row: quants as unsigned bytes, kBias above their values, and what their scales are taken from.
struct TakenBlocks {
  Halves quants;
  Int heads;
};

/// Of four blocks of eight rows.
struct NibbleScales {
  WeightScales block[kNibbleBlocks];
};

/// Constants that GCC would otherwise join from lanes each time. A byte is number_of(lane, byte in it).
struct alignas(64) Numbers {
  Byte bytes[64];
};
template <typename NumberOf>
constexpr Numbers numbers(NumberOf number_of) {
  Numbers numbers = {};
  for (int i = 0; i < 64; ++i) numbers.bytes[i] = static_cast<Byte>(number_of(i / 16, i % 16));
  return numbers;
}
/// In lane i the sixteen bytes from kFirst + i * kStep on.
template <int kFirst, int kStep>
inline Int bytes_of_lanes() {
  static constexpr Numbers kNumbers = numbers([](int lane, int byte) { return kFirst + lane * kStep + byte; });
  return load(kNumbers.bytes);
}
/// As integers of kSize bytes: kFirst + i * kStep everywhere in lane i.
template <int kSize, int kFirst, int kStep>
inline Int one_of_lanes() {
  static constexpr Numbers kNumbers =
      numbers([](int lane, int byte) { return byte % kSize == 0 ? kFirst + lane * kStep : 0; });
  return load(kNumbers.bytes);
}
inline Int in_all_lanes(Lane a) { return _mm512_broadcast_i32x4(a); }

/// 16 bytes of nibbles a lane as they stand.
inline Halves nibbles_of(Int packed) {
  return {bit_and(packed, all_bytes(15)), bit_and(shift_words_right<4>(packed), all_bytes(15))};
}
/// The same as indices of a table of sixteen bytes. Of an index vpermb reads six bits, and all fours of the table are
/// the same.
inline Halves entries_of(Int packed, Lane table) {
  const Int fourfold = in_all_lanes(table);
  return {_mm512_permutexvar_epi8(packed, fourfold), _mm512_permutexvar_epi8(shift_words_right<4>(packed), fourfold)};
}

/// The nibbles of blocks of at most 20 bytes, of which `first` holds the first 64.
template <std::size_t kBytes>
inline Int nibbles_of_short_blocks(const Byte* blocks, Int first) {
  static_assert(3 * kBytes <= 64);
  const Int three = _mm512_permutexvar_epi8(bytes_of_lanes<kBytes - 16, kBytes>(), first);
  return _mm512_mask_loadu_epi64(three, 0xC0, blocks + kNibbleBlocks * kBytes - 64);
}

/// d of eight rows, from words: lane i has those of block i.
inline NibbleScales scales_of_halves(Int halves) {
  const auto d = [](Lane block) { return WeightScales{_mm256_cvtph_ps(block), _mm256_setzero_ps()}; };
  return {d(lane<0>(halves)), d(lane<1>(halves)), d(lane<2>(halves)), d(lane<3>(halves))};
}
/// d and dmin, from ints: lane i has those of block i of rows 0-3 and 4-7.
inline NibbleScales scales_of_pairs(Int first_rows, Int last_rows) {
  const Int d = _mm512_packus_epi32(bit_and(first_rows, all_ints(0xFFFF)), bit_and(last_rows, all_ints(0xFFFF)));
  const Int dmin = _mm512_packus_epi32(_mm512_srli_epi32(first_rows, 16), _mm512_srli_epi32(last_rows, 16));
  NibbleScales scales = scales_of_halves(d);
  const NibbleScales mins = scales_of_halves(dmin);
  for (std::size_t i = 0; i < kNibbleBlocks; ++i) scales.block[i].dmin = mins.block[i].d;
  return scales;
}

/// Specialized for each type.
template <typename Format>
struct NibbleFormat;

/// With blocks of a half and nibbles.
template <typename Format>
struct HalfAndNibbles {
  static NibbleScales scales(const Int* heads) {
    const Int order = one_of_lanes<2, 0, Format::kBytes / 2>();
    const auto four_rows = [&](const Int* rows) {
      Int words = _mm512_maskz_permutexvar_epi16(0x01010101U, order, rows[0]);
#pragma GCC unroll 3
      for (int i = 1; i < 4; ++i) words = _mm512_mask_permutexvar_epi16(words, 0x01010101U << i, order, rows[i]);
      return words;
    };
    return scales_of_halves(_mm512_unpacklo_epi64(four_rows(heads), four_rows(heads + 4)));
  }
};

template <>
struct NibbleFormat<Q40> : HalfAndNibbles<Q40> {
  static constexpr int kBias = Q40::kBias;
  static TakenBlocks take(const Byte* blocks) {
    const Int first = load(blocks);
    return {nibbles_of(nibbles_of_short_blocks<Q40::kBytes>(blocks, first)), first};
  }
};

template <>
struct NibbleFormat<Iq4Nl> : HalfAndNibbles<Iq4Nl> {
  static constexpr int kBias = 128;
  static TakenBlocks take(const Byte* blocks) {
    const Int first = load(blocks);
    const Int packed = nibbles_of_short_blocks<Iq4Nl::kBytes>(blocks, first);
    const Lane codebook = _mm_xor_si128(Iq4Nl::codebook(), _mm_set1_epi8(-128));
    return {entries_of(packed, codebook), first};
  }
};

template <>
struct NibbleFormat<Mxfp4> {
  static constexpr int kBias = 16;
  static TakenBlocks take(const Byte* blocks) {
    const Int first = load(blocks);
    const Int packed = nibbles_of_short_blocks<Mxfp4::kBytes>(blocks, first);
    return {entries_of(packed, _mm_add_epi8(Mxfp4::codebook(), _mm_set1_epi8(kBias))), first};
  }
  /// As power_of_two() says: the upper halves of floats.
  static NibbleScales scales(const Int* heads) {
    const Int order = one_of_lanes<1, 0, Mxfp4::kBytes>();
    const auto four_rows = [&](const Int* rows) {  // a word each
      Int exponents = _mm512_maskz_permutexvar_epi8(0x0001000100010001U, order, rows[0]);
#pragma GCC unroll 3
      for (int i = 1; i < 4; ++i)
        exponents = _mm512_mask_permutexvar_epi8(exponents, 0x0001000100010001U << (2 * i), order, rows[i]);
      return exponents;
    };
    const Int exponents = _mm512_unpacklo_epi64(four_rows(heads), four_rows(heads + 4));
    const Int normal = _mm512_slli_epi16(subtract_words(exponents, all_words(1)), 7);
    const __mmask32 is_subnormal = _mm512_cmplt_epu16_mask(exponents, all_words(2));
    const Int upper = _mm512_mask_sllv_epi16(normal, is_subnormal, all_words(0x0020), exponents);
    const auto d = [](Lane words) {
      const __m256i bits = _mm256_slli_epi32(_mm256_cvtepu16_epi32(words), 16);
      return WeightScales{_mm256_castsi256_ps(bits), _mm256_setzero_ps()};
    };
    return {d(lane<0>(upper)), d(lane<1>(upper)), d(lane<2>(upper)), d(lane<3>(upper))};
  }
};

template <>
struct NibbleFormat<Q41> {
  static constexpr int kBias = 0;
  static TakenBlocks take(const Byte* blocks) {
    const Int first = load(blocks);
    return {nibbles_of(nibbles_of_short_blocks<Q41::kBytes>(blocks, first)), first};
  }
  static NibbleScales scales(const Int* heads) {
    const Int order = one_of_lanes<4, 0, Q41::kBytes / 4>();
    const auto four_rows = [&](const Int* rows) {
      Int pairs = _mm512_permutexvar_epi32(order, rows[0]);
#pragma GCC unroll 3
      for (int i = 1; i < 4; ++i)
        pairs = _mm512_mask_permutexvar_epi32(pairs, static_cast<__mmask16>(0x1111U << i), order, rows[i]);
      return pairs;
    };
    return scales_of_pairs(four_rows(heads), four_rows(heads + 4));
  }
};

/// The fifth bits of Q5_0 and Q5_1. `heads`: both halves of lane i hold eight bytes of block i, with 32 bits from bit
/// kFirst on, of which bit j is value j's.
template <int kFirst>
inline Halves with_fifth_bits(Halves nibbles, Int heads) {
  // Byte j: eight bits from bit 4 before its own on.
  const Lane low =
      _mm_add_epi8(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), _mm_set1_epi8(kFirst - 4));
  const Lane high = _mm_add_epi8(low, _mm_set1_epi8(16));
  const auto with_bits = [&](Int nibbles_of_half, Lane shifts) {
    const Int bits = _mm512_multishift_epi64_epi8(in_all_lanes(shifts), heads);
    return _mm512_ternarylogic_epi64(bits, all_bytes(16), nibbles_of_half, 0xEA);  // (a & b) | c
  };
  return {with_bits(nibbles.low, low), with_bits(nibbles.high, high)};
}

template <>
struct NibbleFormat<Q50> {
  static constexpr int kBias = Q50::kBias;
  static constexpr int kBytes = Q50::kBytes;
  static constexpr int kLast = kNibbleBlocks * kBytes - 64;  ///< where the last 64 bytes begin
  static TakenBlocks take(const Byte* blocks) {
    const Int first = load(blocks);
    const Int last = load(blocks + kLast);
    const Int three = _mm512_permutexvar_epi8(bytes_of_lanes<kBytes - 16 - kLast, kBytes>(), last);
    const Int packed = _mm512_mask_loadu_epi64(three, 0x03, blocks + kBytes - 16);
    const Int heads = _mm512_mask_permutexvar_epi16(_mm512_permutexvar_epi16(head_words<0>(), first), 0xFF000000U,
                                                    head_words<kLast>(), last);
    return {with_fifth_bits<16>(nibbles_of(packed), heads), heads};
  }
  /// Four words of each block, twice, counted from byte kBegin on.
  template <int kBegin>
  static Int head_words() {
    static constexpr Numbers kNumbers =
        numbers([](int lane, int byte) { return byte % 2 == 0 ? (lane * kBytes - kBegin + byte % 8) / 2 : 0; });
    return load(kNumbers.bytes);
  }
  static NibbleScales scales(const Int* heads) {
    const auto four_rows = [&](const Int* rows) {
      return _mm512_unpacklo_epi32(_mm512_unpacklo_epi16(rows[0], rows[1]), _mm512_unpacklo_epi16(rows[2], rows[3]));
    };
    return scales_of_halves(_mm512_unpacklo_epi64(four_rows(heads), four_rows(heads + 4)));
  }
};

template <>
struct NibbleFormat<Q51> {
  static constexpr int kBias = 0;
  static TakenBlocks take(const Byte* blocks) {
    static_assert(Q51::kBytes == 3 * 8);
    const Int first = load(blocks);
    const Int last = load(blocks + 32);  // numbers 8-15: words of 64 bits from the fifth on
    const Int packed = _mm512_permutex2var_epi64(first, _mm512_setr_epi64(1, 2, 4, 5, 7, 12, 14, 15), last);
    const Int heads = _mm512_permutex2var_epi64(first, _mm512_setr_epi64(0, 0, 3, 3, 6, 6, 13, 13), last);
    return {with_fifth_bits<32>(nibbles_of(packed), heads), heads};
  }
  static NibbleScales scales(const Int* heads) {
    const auto four_rows = [&](const Int* rows) {
      return _mm512_unpacklo_epi64(_mm512_unpacklo_epi32(rows[0], rows[1]), _mm512_unpacklo_epi32(rows[2], rows[3]));
    };
    return scales_of_pairs(four_rows(heads), four_rows(heads + 4));
  }
};

}  // namespace
}  // namespace assay::kernels
