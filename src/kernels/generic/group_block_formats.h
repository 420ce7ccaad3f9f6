// How types with blocks of 64 values unpack, whose four groups of 16 have floats for scales: NVFP4; and their rows in
// float64 (exact.h). Their layouts stand at the head of src/quant/<type>.cc.
//
// A format says its quants as unsigned bytes with a bias b, q = u - b, in natural order, and Group<i>, whose scale
// block_scale.h finds.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/exact.h"

namespace assay::kernels {
namespace {

struct Nvfp4 {
  static constexpr std::size_t kBytes = 36;
  static constexpr int kBias = 12;

  static Int quants(const Byte* block) {
    constexpr Byte kCodebook[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
    return look_up(load_lane(kCodebook), nibbles_by_eights(block + 4));
  }

  /// E4M3 has the fields of a half, shifted, and another bias of the exponent.
  template <int kGroup>
  struct Group {
    static constexpr bool kHasMin = false;
    static constexpr float kScaleFactor = 128;
    static std::uint16_t half(const Byte* block) {
      const Byte scale = block[kGroup];
      return scale == 0x7F ? std::uint16_t{0} : static_cast<std::uint16_t>((scale & 0x7FU) << 7);
    }
  };
};

template <typename Format>
struct GroupBlockRow {
  static constexpr std::size_t kBlockValues = 64;

  template <int kGroup, typename Take>
  static void read_group(const Byte* block, Int quants, std::size_t first, Take take) {
    const ExactScales scales = exact_scales<typename Format::template Group<kGroup>>(block);
    take(first + 16 * kGroup, multiply(all_doubles(scales.d), doubles_of_signed_bytes(lane<kGroup>(quants))));
  }
  template <typename Take>
  static void read(const Byte* blocks, std::size_t block_count, Take take) {
    for (std::size_t i = 0; i < block_count; ++i) {
      const Byte* block = blocks + i * Format::kBytes;
      const Int quants = subtract_bytes(Format::quants(block), all_bytes(Format::kBias));
      read_group<0>(block, quants, kBlockValues * i, take);
      read_group<1>(block, quants, kBlockValues * i, take);
      read_group<2>(block, quants, kBlockValues * i, take);
      read_group<3>(block, quants, kBlockValues * i, take);
    }
  }
};

}  // namespace
}  // namespace assay::kernels
