// Sums of a panel by sdot on a lane: a vector holds four neighbouring quants of each of four rows and is multiplied
// with four bytes of a token. See panel.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include <arm_neon.h>

namespace assay::kernels {
namespace {

inline void arrange_quants(const Int* rows, Int* quants) { transpose_ints(rows, quants); }

// Inlined, so that the sums stay in registers.
template <std::size_t kTokens>
class PanelSums {
 public:
  PanelSums() {
    for (Int& sum : sums_) sum = zero();
  }

  struct Sixteen {
    int8x16_t token[kTokens];
  };
  template <typename Plane>
  static Sixteen pack(const Plane* const* planes, std::size_t first) {
    Sixteen x;
    for (std::size_t t = 0; t < kTokens; ++t) x.token[t] = signed_plane(planes[t] + first);
    return x;
  }

  [[gnu::always_inline]] void add_sixteen(const Int* quants, const Sixteen& x) {
    add_four<0>(quants[0], x.token);
    add_four<1>(quants[1], x.token);
    add_four<2>(quants[2], x.token);
    add_four<3>(quants[3], x.token);
  }

  void add_products(const PanelSums& sums, const Int& by_row) {
    for (std::size_t t = 0; t < kTokens; ++t) sums_[t] = add_products_of_ints(sums_[t], sums.sums_[t], by_row);
  }

  void add(const Int& by_row) {
    for (Int& sum : sums_) sum = add_ints(sum, by_row);
  }
  template <int kCount>
  void shift_left() {
    for (Int& sum : sums_) sum = shift_ints_left<kCount>(sum);
  }

  Int of_token(std::size_t t) const { return sums_[t]; }

 private:
  template <int kLane>
  [[gnu::always_inline]] void add_four(const Int& quants, const int8x16_t* x) {
    for (std::size_t part = 0; part < 4; ++part) {
      const int8x16_t q = vreinterpretq_s8_u8(quants.part[part]);
      for (std::size_t t = 0; t < kTokens; ++t)
        sums_[t].part[part] = bytes(vdotq_laneq_s32(ints(sums_[t].part[part]), q, x[t], kLane));
    }
  }

  Int sums_[kTokens];
};

}  // namespace
}  // namespace assay::kernels
