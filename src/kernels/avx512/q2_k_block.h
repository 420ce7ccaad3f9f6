// Products of one token with blocks of Q2_K, whose sub-scale times quant fits a byte, 15 * 3; avx512/super_block.h has
// those where it does not.
//
// Each group has a table of its four products, and the two bits of a quant with the group's number look up one of them.
// So vpdpbusd sums a whole block: H, and after a shift L on top of it. |H| and L stay below 2^24, as floats they are
// exact, and |256 * H + L| <= 45 * 32767 * 256 < 2^29: the float of that sum is I.
//
// Included after avx512/vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "kernels/avx512/sub_scales.h"
#include "kernels/generic/super_block.h"
#include "kernels/generic/super_block_formats.h"

namespace assay::kernels {
namespace {

template <>
struct SuperBlockProduct<Q2K> {
  static constexpr std::size_t kValues = 256;
  static constexpr std::size_t kVectors = 4;
  static constexpr std::size_t kHalfRows = kTile / 2;

  /// In the order of the quants: vector n has bits 2 n and 2 n + 1 of every byte.
  struct Plane {
    Int vector[kVectors];
  };
  static Plane plane_of(const void* values) {
    const auto vector = [&](std::size_t n) {
      const Byte* first = static_cast<const Byte*>(values) + 32 * n;
      return load_two_halves(first, first + 128);
    };
    return {vector(0), vector(1), vector(2), vector(3)};
  }

  /// The sub-scales and minimums of eight rows: bytes, a lane of sixteen for each row.
  struct Fields {
    alignas(64) Byte scales[kTile][16];
    Int mins[2];
  };
  static void take_fields(const RowTile& tile, std::size_t offset, Fields& fields) {
    for (std::size_t half = 0; half < 2; ++half) {
      const auto lane = [&](std::size_t i) { return load_lane(tile.row[half * kHalfRows + i] + offset); };
      const Int both = join_lanes(lane(0), lane(1), lane(2), lane(3));
      store(bit_and(both, all_bytes(15)), fields.scales[half * kHalfRows]);
      fields.mins[half] = bit_and(shift_words_right<4>(both), all_bytes(15));
    }
  }

  /// The sums of min * x, from the token's sums of 16, which have 20 bits: by each of their bytes.
  static Int8 min_totals(const Fields& fields, const std::int32_t* sums) {
    const Int bytes = _mm512_shuffle_epi8(
        load(sums), _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)));
    const auto everywhere = [&](int byte) {
      return _mm512_permutexvar_epi32(_mm512_broadcast_i32x4(_mm_setr_epi32(byte, byte + 4, byte + 8, byte + 12)),
                                      bytes);
    };
    const Int low = everywhere(0);
    const Int middle = everywhere(1);
    const Int high = everywhere(2);
    const auto products = [&](Int mins) {
      const Int upper = dot_bytes(shift_ints_left<8>(dot_bytes(zero(), mins, high)), middle, mins);
      return dot_bytes(shift_ints_left<8>(upper), low, mins);
    };
    return totals_of_lanes(products(fields.mins[0]), products(fields.mins[1]));
  }

  /// Sub-scales times quants.
  class Weights {
   public:
    Weights(const Byte* block, const Byte* scales)
        : quants_(load(block + 16)),
          products_(multiply_ints(_mm512_cvtepu8_epi32(load_lane(scales)), all_ints(0x03020100))) {}
    template <int kVector>
    Int vector() const {
      // Bytes of lane i: four times the group's number.
      constexpr int kFirst = 8 * kVector;
      const Int groups = join_lanes(_mm_set1_epi8(kFirst), _mm_set1_epi8(kFirst + 4), _mm_set1_epi8(kFirst + 32),
                                    _mm_set1_epi8(kFirst + 36));
      const Int index = bit_or(bit_and(shift_words_right<2 * kVector>(quants_), all_bytes(3)), groups);
      return _mm512_permutexvar_epi8(index, products_);
    }

   private:
    Int quants_;
    Int products_;
  };

  static __m256 step(__m256 sum, const WeightScales& weight, float d, const Int* products, Int8 mins) {
    return float_step<true>(sum, weight, _mm256_set1_ps(d), _mm256_cvtepi32_ps(totals(products)), mins);
  }

  static __m256 block_step(__m256 sum, const WeightScales& weight, const Fields& fields, const RowTile& tile,
                           std::size_t offset, const Token& x, std::size_t block) {
    const Plane hi = plane_of(x.hi + block * kValues);
    const Plane lo = plane_of(x.lo + block * kValues);
    Int products[kTile];
// All rows in sight of GCC cost up to a fifth more on Zen 4.
#pragma GCC unroll 1
    for (std::size_t i = 0; i < kTile; ++i) {
      const Byte* bytes = tile.row[i] + offset;
      prefetch_near<Q2K::kBytes>(bytes);
      const Weights weights(bytes, fields.scales[i]);
      Int high = zero();
      Int low = zero();
      const auto add = [&](Int vector, std::size_t n) {
        high = dot_bytes(high, vector, hi.vector[n]);
        low = dot_bytes(low, lo.vector[n], vector);
      };
      add(weights.vector<0>(), 0);
      add(weights.vector<1>(), 1);
      add(weights.vector<2>(), 2);
      add(weights.vector<3>(), 3);
      products[i] = add_ints(shift_ints_left<8>(high), low);
    }
    return step(sum, weight, x.d[block], products, min_totals(fields, x.sums + 16 * block));
  }

  static __m256 remainder_step(__m256 sum, const WeightScales& weight, const Fields& fields, const RowTile& tile,
                               std::size_t offset, const Token& x, std::size_t block) {
    const Plane remainder = plane_of(x.remainder + block * kValues);
    Int products[kTile];
    for (std::size_t i = 0; i < kTile; ++i) {
      const Weights weights(tile.row[i] + offset, fields.scales[i]);
      Int rest = dot_bytes(zero(), weights.vector<0>(), remainder.vector[0]);
      rest = dot_bytes(rest, weights.vector<1>(), remainder.vector[1]);
      rest = dot_bytes(rest, weights.vector<2>(), remainder.vector[2]);
      products[i] = dot_bytes(rest, weights.vector<3>(), remainder.vector[3]);
    }
    return step(sum, weight, x.remainder_d[block], products, min_totals(fields, x.remainder_sums + 16 * block));
  }

  /// Eight rows, one token.
  static void rows(const RowTile& tile, const Token& x, std::size_t width, float* out) {
    __m256 sum = _mm256_setzero_ps();
    for (std::size_t block = 0; block < width / kValues; ++block) {
      const std::size_t offset = block * Q2K::kBytes;
      const WeightScales weight = weight_scales<Q2K>(tile.row, offset);
      Fields fields;
      take_fields(tile, offset, fields);
      sum = block_step(sum, weight, fields, tile, offset, x, block);
      if (x.remainder_d[block] != 0) sum = remainder_step(sum, weight, fields, tile, offset, x, block);
    }
    store_outputs(tile, sum, out);
  }
};

}  // namespace
}  // namespace assay::kernels
