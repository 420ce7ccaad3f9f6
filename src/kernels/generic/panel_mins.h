// The minimum term of a panel of super-blocks, for instruction sets that multiply words: M = sum over groups of min *
// S. Sums of x over a group, S = 1024 * a + b with b from 0 to 1023, are multiplied with the minimums as words, two
// groups at a time.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/super_block_unpack.h"

namespace assay::kernels {
namespace {

/// Of sixteen rows of a format with kGroups groups. Does nothing for one without minimums.
template <std::size_t kGroups, bool kHasMin>
class PanelMins {
 public:
  /// Of one token, 1024 * a + b.
  struct Sums {
    std::int16_t a[kGroups];
    std::int16_t b[kGroups];
  };
  /// Of 16 sums of 16 values.
  static Sums sums_of(const std::int32_t* sums) {
    Sums result;
    for (std::size_t group = 0; group < kGroups; ++group) {
      const std::int32_t sum = kGroups == 16 ? sums[group] : sums[2 * group] + sums[2 * group + 1];
      result.a[group] = static_cast<std::int16_t>(sum >> 10);
      result.b[group] = static_cast<std::int16_t>(sum & 1023);
    }
    return result;
  }

  template <typename Format>
  void unpack(const PanelRows& rows, std::size_t offset) {
    if constexpr (kHasMin) {
      Int mins[kGroups];
      unpack_groups<Format, Format::mins>(rows, offset, mins);
      for (std::size_t pair = 0; pair < kGroups / 2; ++pair)
        mins_[pair] = bit_or(mins[2 * pair], shift_ints_left<16>(mins[2 * pair + 1]));
    }
  }

  /// M.
  Float term(const Sums& sums) const {
    if constexpr (!kHasMin) return all_floats(0);
    Int high = zero();
    Int low = zero();
    for (std::size_t pair = 0; pair < kGroups / 2; ++pair) {
      high = dot_words(high, mins_[pair], same_ints(sums.a + 2 * pair));
      low = dot_words(low, mins_[pair], same_ints(sums.b + 2 * pair));
    }
    return to_floats(add_ints(shift_ints_left<10>(high), low));
  }

 private:
  Int mins_[kGroups / 2];  ///< words: of two groups
};

}  // namespace
}  // namespace assay::kernels
