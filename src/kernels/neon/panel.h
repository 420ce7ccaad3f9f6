// What NEON's panels share (generic/panel.h): a vector holds four neighbouring quants of each of sixteen rows, signed
// bytes, and is multiplied with four signed bytes of a token by sdot on a lane. hi and the remainder are signed; lo
// becomes so by 128 less, for which its sum starts at 128 * sum q.
#pragma once

#include <cstddef>
#include <cstdint>

#include <arm_neon.h>

#include "kernels/generic/panel.h"

namespace assay::kernels {
namespace {

/// 16 signed bytes of a token.
inline int8x16_t signed_plane(const std::int8_t* p) { return vld1q_s8(p); }
inline int8x16_t signed_plane(const std::uint8_t* p) {
  return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(p), vdupq_n_u8(128)));
}

// Inlined, so that the sums stay in registers.
template <int kLane, std::size_t kTokens>
[[gnu::always_inline]] inline void dot_four(Int* sums, const Int& quants, const int8x16_t* x) {
  for (std::size_t part = 0; part < 4; ++part) {
    const int8x16_t q = vreinterpretq_s8_u8(quants.part[part]);
    for (std::size_t t = 0; t < kTokens; ++t)
      sums[t].part[part] = bytes(vdotq_laneq_s32(ints(sums[t].part[part]), q, x[t], kLane));
  }
}

/// sums[t] += products of four vectors of quants with 16 values of each token's plane.
template <std::size_t kTokens, typename Plane>
[[gnu::always_inline]] inline void dot_sixteen(Int* sums, const Int* quants, const Plane* const* planes,
                                               std::size_t first) {
  int8x16_t x[kTokens];
  for (std::size_t t = 0; t < kTokens; ++t) x[t] = signed_plane(planes[t] + first);
  dot_four<0, kTokens>(sums, quants[0], x);
  dot_four<1, kTokens>(sums, quants[1], x);
  dot_four<2, kTokens>(sums, quants[2], x);
  dot_four<3, kTokens>(sums, quants[3], x);
}

/// 128 * sum q of `count` vectors.
inline Int start_of_low(const Int* quants, std::size_t count) {
  Int sum = zero();
  for (std::size_t i = 0; i < count; ++i) {
    sum = by_parts<Int>([&](std::size_t part) {
      return bytes(vdotq_s32(ints(sum.part[part]), vreinterpretq_s8_u8(quants[i].part[part]), vdupq_n_s8(1)));
    });
  }
  return shift_ints_left<7>(sum);
}

}  // namespace
}  // namespace assay::kernels
