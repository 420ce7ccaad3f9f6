// Sums of a panel by smmla, which multiplies eight bytes of each of two rows with eight of each of two tokens: twice
// what sdot does at once. A vector of sums holds row 2 i of tokens t and t + 1, then row 2 i + 1 of both. See
// neon/panel.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <arm_neon.h>

namespace assay::kernels {
namespace {

inline int8x16_t joined_lows(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s64(vzip1q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}
inline int8x16_t joined_highs(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s64(vzip2q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}

/// Eight pairs of rows in parts of two vectors: values 0-7 of 16, then values 8-15 in two more.
inline void arrange_quants(const Int* rows, Int* quants) {
  for (std::size_t group = 0; group < 4; ++group) {
    for (std::size_t pair = 0; pair < 8; ++pair) {
      const int8x16_t a = vreinterpretq_s8_u8(rows[2 * pair].part[group]);
      const int8x16_t b = vreinterpretq_s8_u8(rows[2 * pair + 1].part[group]);
      quants[4 * group + pair / 4].part[pair % 4] = vreinterpretq_u8_s8(joined_lows(a, b));
      quants[4 * group + 2 + pair / 4].part[pair % 4] = vreinterpretq_u8_s8(joined_highs(a, b));
    }
  }
}

// Inlined, so that the sums stay in registers.
template <std::size_t kTokens>
class PanelSums {
  static constexpr std::size_t kPairs = (kTokens + 1) / 2;
  static constexpr std::size_t kRowPairs = 8;

 public:
  PanelSums() {
    for (auto& sums : sums_)
      for (int32x4_t& sum : sums) sum = vdupq_n_s32(0);
  }

  /// Values 0-7 and 8-15 of pairs of tokens.
  struct Sixteen {
    int8x16_t lows[kPairs];
    int8x16_t highs[kPairs];
  };
  template <typename Plane>
  static Sixteen pack(const Plane* const* planes, std::size_t first) {
    Sixteen x;
    for (std::size_t i = 0; i < kPairs; ++i) {
      // The last of an odd number stands for two.
      const int8x16_t a = signed_plane(planes[2 * i] + first);
      const int8x16_t b = 2 * i + 1 < kTokens ? signed_plane(planes[2 * i + 1] + first) : a;
      x.lows[i] = joined_lows(a, b);
      x.highs[i] = joined_highs(a, b);
    }
    return x;
  }

  [[gnu::always_inline]] void add_sixteen(const Int* quants, const Sixteen& x) {
    add_eight(quants, x.lows);
    add_eight(quants + 2, x.highs);
  }

  void add(const Int& by_row) {
    for (std::size_t row = 0; row < kRowPairs; ++row)
      for (auto& sums : sums_) sums[row] = vaddq_s32(sums[row], twice(by_row, row));
  }
  void add_products(const PanelSums& sums, const Int& by_row) {
    for (std::size_t row = 0; row < kRowPairs; ++row)
      for (std::size_t i = 0; i < kPairs; ++i)
        sums_[i][row] = vmlaq_s32(sums_[i][row], sums.sums_[i][row], twice(by_row, row));
  }
  template <int kCount>
  void shift_left() {
    for (auto& sums : sums_)
      for (int32x4_t& sum : sums) sum = vshlq_n_s32(sum, kCount);
  }

  Int of_token(std::size_t t) const {
    const int32x4_t* sums = sums_[t / 2];
    return by_parts<Int>([&](std::size_t i) {
      const int32x4_t a = sums[2 * i];
      const int32x4_t b = sums[2 * i + 1];
      return bytes(t % 2 == 0 ? vuzp1q_s32(a, b) : vuzp2q_s32(a, b));
    });
  }

 private:
  /// The ints of a pair of rows, each twice.
  static int32x4_t twice(const Int& by_row, std::size_t pair) {
    const int32x4_t four = ints(by_row.part[pair / 2]);
    return pair % 2 == 0 ? vzip1q_s32(four, four) : vzip2q_s32(four, four);
  }

  [[gnu::always_inline]] void add_eight(const Int* quants, const int8x16_t* x) {
    for (std::size_t row = 0; row < kRowPairs; ++row) {
      const int8x16_t q = vreinterpretq_s8_u8(quants[row / 4].part[row % 4]);
      for (std::size_t i = 0; i < kPairs; ++i) sums_[i][row] = vmmlaq_s32(sums_[i][row], q, x[i]);
    }
  }

  int32x4_t sums_[kPairs][kRowPairs];
};

}  // namespace
}  // namespace assay::kernels
