// The sub-scales and minimums of eight super-blocks, one of each row of a tile, for their products with one token.
//
// Included after avx512/vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/generic/float_step.h"

namespace assay::kernels {
namespace {

/// The sums of the lanes of a and of b, which belong to four rows each.
inline Int8 totals_of_lanes(Int a, Int b) {
  const Int pairs = add_neighbours(a, b);
  const Int all = add_ints(pairs, _mm512_shuffle_epi32(pairs, _MM_PERM_BADC));  // ints 0 and 1 of a lane: a row's
  const Int order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 0, 0, 0, 0, 0, 0, 0);
  return _mm512_castsi512_si256(_mm512_permutexvar_epi32(order, all));
}

/// Row by row, as the format says them.
template <typename Format>
class SubScales {
 public:
  static constexpr bool kHasWords = false;
  struct Words {};
  SubScales(const RowTile& tile, std::size_t offset, Words& /*words*/) : row_(tile.row), offset_(offset) {}

  /// Those of a row, as words where they are multiplied: scale i everywhere in lane i % 4 of quarter i / 4.
  class OfRow {
   public:
    explicit OfRow(Lane bytes) : scales_(make_scales(bytes)) {}
    template <int kQuarter>
    Int quarter() const {
      return spread<kQuarter>(scales_);
    }

   private:
    Scales scales_;
  };
  OfRow of_row(std::size_t i) const { return OfRow(Format::scales(row_[i] + offset_)); }

  WeightScales weight_scales() const { return kernels::weight_scales<Format>(row_, offset_); }

  /// Formats with minimums have their own way.
  static Int8 min_totals(const std::int32_t* /*sums*/) {
    static_assert(!Format::kHasMin);
    return _mm256_setzero_si256();
  }

 private:
  const Byte* const* row_;
  std::size_t offset_;
};

/// Where a quarter holds groups g and g + 2: g.
constexpr int first_group(int quarter) { return 4 * (quarter / 2) + quarter % 2; }

/// Q4_K and Q5_K: d, dmin and twelve bytes of fields of 6 bits (super_block_formats.h) fill a lane, so that four rows
/// are taken apart together.
template <typename Format>
requires(Format::kHasMin&& Format::kGroupValues == 32) class SubScales<Format> {
  static constexpr std::size_t kHalves = 2;
  static constexpr std::size_t kHalfRows = kTile / kHalves;

 public:
  static constexpr bool kHasWords = true;
  /// Four scales of each row, then the others, each in both words of an int.
  struct alignas(64) Words {
    std::int32_t scales[2][kTile][4];
  };

  /// Fills `words`, which must stay.
  SubScales(const RowTile& tile, std::size_t offset, Words& words) : words_(words) {
    for (std::size_t half = 0; half < kHalves; ++half) {
      const auto lane = [&](std::size_t i) { return load_lane(tile.row[half * kHalfRows + i] + offset); };
      Int heads = _mm512_broadcast_i32x4(lane(0));
      heads = _mm512_mask_broadcast_i32x4(heads, 0x00F0, lane(1));
      heads = _mm512_mask_broadcast_i32x4(heads, 0x0F00, lane(2));
      heads_[half] = _mm512_mask_broadcast_i32x4(heads, 0xF000, lane(3));
      fields_[half] = fields(heads_[half]);
      const Int scales = _mm512_unpacklo_epi8(fields_[half], zero());
      store(_mm512_unpacklo_epi16(scales, scales), words.scales[0][half * kHalfRows]);
      store(_mm512_unpackhi_epi16(scales, scales), words.scales[1][half * kHalfRows]);
    }
  }

  class OfRow {
   public:
    OfRow(const Words& words, std::size_t row) : words_(words), row_(row) {}
    /// Words: the first group's scale in the lower half, the second one's in the upper. Loads cost less than shuffles.
    template <int kQuarter>
    Int quarter() const {
      constexpr int kGroup = first_group(kQuarter);
      const std::int32_t* first = words_.scales[kGroup / 4][row_] + kGroup % 4;
      return _mm512_mask_broadcastd_epi32(same_ints(first), 0xFF00, _mm_loadu_si32(first + 2));
    }

   private:
    const Words& words_;
    std::size_t row_;
  };
  OfRow of_row(std::size_t i) const { return {words_, i}; }

  WeightScales weight_scales() const {
    const Int first = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0);
    return scale_pairs(_mm512_castsi512_si256(_mm512_permutex2var_epi32(heads_[0], first, heads_[1])));
  }

  /// Sums of 32 values have 21 bits: their lower and upper words are multiplied by themselves.
  Int8 min_totals(const std::int32_t* sums) const {
    const Int sixteens = load(sums);
    const Int sums_of_32 = add_ints(sixteens, _mm512_srli_epi64(sixteens, 32));  // in the even ints
    const Int low = _mm512_broadcast_i32x4(_mm512_cvtepi64_epi16(sums_of_32));
    const Int upper = shift_ints_right<16>(add_ints(sums_of_32, all_ints(0x8000)));
    const Int high = _mm512_broadcast_i32x4(_mm512_cvtepi64_epi16(upper));
    const auto products = [&](std::size_t half) {
      const Int mins = _mm512_unpackhi_epi8(fields_[half], zero());
      return dot_words(shift_ints_left<16>(dot_words(zero(), mins, high)), mins, low);
    };
    return totals_of_lanes(products(0), products(1));
  }

 private:
  /// Lanes of d, dmin and packed fields to eight scales and eight minimums.
  static Int fields(Int heads) {
    const auto everywhere = [](int a, int b, int c, int d) {
      return _mm512_broadcast_i32x4(_mm_setr_epi32(a, b, c, d));
    };
    // Six bits of the first four, the upper two of the others.
    const Int twice = _mm512_shuffle_epi8(heads, everywhere(0x07060504, 0x07060504, 0x0B0A0908, 0x0B0A0908));
    const Int sixes = bit_and(_mm512_srlv_epi32(twice, everywhere(0, 2, 0, 2)),
                              everywhere(0x3F3F3F3F, 0x30303030, 0x3F3F3F3F, 0x30303030));
    // The lower four bits of the others; -1 makes zeros.
    const Int last = _mm512_shuffle_epi8(heads, everywhere(-1, 0x0F0E0D0C, -1, 0x0F0E0D0C));
    return bit_or(sixes, bit_and(_mm512_srlv_epi32(last, everywhere(0, 0, 0, 4)), all_bytes(15)));
  }

  Int heads_[kHalves];
  Int fields_[kHalves];  ///< in a lane of each row: eight scales, eight minimums
  const Words& words_;
};

}  // namespace
}  // namespace assay::kernels
