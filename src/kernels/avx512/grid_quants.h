// Blocks of types with codebooks of 256 and 512 entries, whose codes of sixteen bits (kernels/grids.h) are looked up in
// registers, all of a block at once: a gather, or a load for each entry, costs more. Codes become magnitudes by
// multishift, which brings the bits of each value to a byte, and a second table.
//
// Included after avx512/vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/avx512/look_up.h"
#include "kernels/generic/block_quants.h"
#include "kernels/generic/grid_formats.h"

namespace assay::kernels {
namespace {

/// What multishift is told for eight bytes of a qword: bits `first`, `first + step`, ... and the seven above each.
constexpr std::uint64_t bits_from(int first, int step) {
  std::uint64_t counts = 0;
  for (int i = 0; i < 8; ++i) counts |= static_cast<std::uint64_t>(first + step * i) << (8 * i);
  return counts;
}

/// 32 bytes of eight signs each, eight for a quarter. Blocks hold seven of them, and the eighth makes the number of
/// negative ones even.
class Signs {
 public:
  Signs() = default;
  /// Of bytes of seven.
  explicit Signs(__m256i sevens) {
    const auto folded = [](__m256i a, int count) { return _mm256_xor_si256(a, _mm256_srli_epi16(a, count)); };
    const __m256i parity = folded(folded(folded(sevens, 4), 2), 1);
    const __m256i eighths = _mm256_and_si256(_mm256_slli_epi16(parity, 7), _mm256_set1_epi8(-128));
    _mm256_store_si256(reinterpret_cast<__m256i*>(quarter_), _mm256_or_si256(sevens, eighths));
  }
  /// Of four times seven bits in each qword, from bit kFirst on.
  template <int kFirst>
  static Signs of_qwords(Int qwords) {
    const Int counts = _mm512_set1_epi64(static_cast<long long>(bits_from(kFirst, 7) & 0xFFFFFFFFU));
    const Int sevens = bit_and(_mm512_multishift_epi64_epi8(counts, qwords), all_bytes(127));
    return Signs(_mm512_cvtepi64_epi32(sevens));
  }
  std::uint64_t operator[](std::size_t quarter) const { return quarter_[quarter]; }

 private:
  alignas(32) std::uint64_t quarter_[4];
};

/// Of codes of eight values: 32 words.
class CodesOfEight {
 public:
  CodesOfEight() = default;
  /// Bytes of both halves of the codes, each index twice.
  CodesOfEight(Int low, Int high) : codes_(_mm512_mask_blend_epi8(0xAAAAAAAAAAAAAAAAU, low, high)) {}

  template <int kQuarter>
  Int magnitudes() const {
    constexpr int kFirst = 2 * kQuarter;
    const Int order = _mm512_setr_epi64(kFirst, kFirst, kFirst, kFirst, kFirst + 1, kFirst + 1, kFirst + 1, kFirst + 1);
    const Int counts = _mm512_broadcast_i64x4(
        _mm256_setr_epi64x(static_cast<long long>(bits_from(0, 2)), static_cast<long long>(bits_from(16, 2)),
                           static_cast<long long>(bits_from(32, 2)), static_cast<long long>(bits_from(48, 2))));
    const Int digits = _mm512_multishift_epi64_epi8(counts, _mm512_permutexvar_epi64(order, codes_));
    return _mm512_permutexvar_epi8(digits, all_ints(0x002B1908));  // 8, 25, 43
  }

 private:
  Int codes_;
};

/// Of codes of four values: of each lane of indices the first eight, and the others.
class CodesOfFour {
 public:
  CodesOfFour() = default;
  CodesOfFour(Int low, Int high) : first_(_mm512_unpacklo_epi8(low, high)), second_(_mm512_unpackhi_epi8(low, high)) {}

  template <int kQuarter>
  Int magnitudes(std::uint64_t table) const {
    constexpr int kFirst = 2 * kQuarter;
    const Int order =
        _mm512_setr_epi64(kFirst, kFirst, kFirst + 1, kFirst + 1, kFirst + 8, kFirst + 8, kFirst + 9, kFirst + 9);
    const Int counts = _mm512_broadcast_i64x2(lane_of(bits_from(0, 4), bits_from(32, 4)));
    const Int digits = _mm512_multishift_epi64_epi8(counts, _mm512_permutex2var_epi64(first_, order, second_));
    return _mm512_permutexvar_epi8(digits, _mm512_set1_epi64(static_cast<long long>(table)));
  }

 private:
  Int first_, second_;
};

template <>
class BlockQuants<Iq2Xxs> {
 public:
  BlockQuants() = default;
  explicit BlockQuants(const Byte* block) {
    const Int fields = load(block + 2);
    signs_ = Signs::of_qwords<32>(fields);
    // The lower four bytes of each qword, twice each.
    const Int spread =
        _mm512_shuffle_epi8(fields, _mm512_broadcast_i32x4(lane_of(0x0303020201010000U, 0x0B0B0A0A09090808U)));
    codes_ = CodesOfEight(look_up_256(kIq2XxsCodes, spread), look_up_256(kIq2XxsCodes + 256, spread));
  }
  template <int kQuarter>
  Int quarter() const {
    return Iq2Xxs::with_signs(codes_.magnitudes<kQuarter>(), signs_[kQuarter]);
  }

 private:
  CodesOfEight codes_;
  Signs signs_;
};

template <>
class BlockQuants<Iq2Xs> {
 public:
  BlockQuants() = default;
  explicit BlockQuants(const Byte* block) {
    const Int words = load(block + 2);
    signs_ = Signs(_mm512_cvtepi16_epi8(shift_words_right<9>(words)));
    const auto twice = [&](int byte) {
      return _mm512_shuffle_epi8(
          words,
          _mm512_add_epi8(all_bytes(byte), _mm512_broadcast_i32x4(lane_of(0x0606040402020000U, 0x0E0E0C0C0A0A0808U))));
    };
    const Int index = twice(0);
    const std::uint64_t upper = _mm512_test_epi8_mask(twice(1), all_bytes(1));
    codes_ = CodesOfEight(look_up_512(kIq2XsCodes, index, upper), look_up_512(kIq2XsCodes + 512, index, upper));
  }
  template <int kQuarter>
  Int quarter() const {
    return Iq2Xs::with_signs(codes_.magnitudes<kQuarter>(), signs_[kQuarter]);
  }

 private:
  CodesOfEight codes_;
  Signs signs_;
};

template <>
class BlockQuants<Iq3Xxs> {
 public:
  BlockQuants() = default;
  explicit BlockQuants(const Byte* block) {
    const Int index = load(block + 2);
    codes_ = CodesOfFour(look_up_256(kIq3XxsCodes, index), look_up_256(kIq3XxsCodes + 256, index));
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 66));
    signs_ = Signs::of_qwords<0>(_mm512_cvtepu32_epi64(words));
  }
  template <int kQuarter>
  Int quarter() const {
    return Iq3Xxs::with_signs(codes_.magnitudes<kQuarter>(0x3E342C241C140C04U), signs_[kQuarter]);  // 4, 12, ... 62
  }

 private:
  CodesOfFour codes_;
  Signs signs_;
};

template <>
class BlockQuants<Iq3S> {
 public:
  BlockQuants() = default;
  explicit BlockQuants(const Byte* block) : signs_(block + 74) {
    const Int index = load(block + 2);
    const std::uint64_t upper = load_quad_word(block + 66);
    codes_ = CodesOfFour(look_up_512(kIq3SCodes, index, upper), look_up_512(kIq3SCodes + 512, index, upper));
  }
  template <int kQuarter>
  Int quarter() const {
    return Iq3S::with_signs(codes_.magnitudes<kQuarter>(0x0F0D0B0907050301U), load_quad_word(signs_ + 8 * kQuarter));
  }

 private:
  CodesOfFour codes_;
  const Byte* signs_;
};

}  // namespace
}  // namespace assay::kernels
