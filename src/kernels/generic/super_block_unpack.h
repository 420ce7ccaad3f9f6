// What panels of super-blocks take from their sixteen rows, whatever the instruction set multiplies with.
//
// Included after the instruction set's vec.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/block_quants.h"
#include "kernels/generic/panel.h"

namespace assay::kernels {
namespace {

/// kArrange puts 64 quants of each row, without their bias, into sixteen vectors.
template <typename Format, void (*kArrange)(const Int* rows, Int* quants), int kQuarter>
inline void unpack_quarter(const BlockQuants<Format>* rows, Int* quants) {
  Int by_row[kPanelRows];
  for (std::size_t i = 0; i < kPanelRows; ++i) {
    by_row[i] = rows[i].template quarter<kQuarter>();
    if constexpr (Format::kBias != 0) by_row[i] = subtract_bytes(by_row[i], all_bytes(Format::kBias));
  }
  kArrange(by_row, quants + 16 * kQuarter);
}
template <typename Format, void (*kArrange)(const Int* rows, Int* quants)>
inline void unpack_quants(const PanelRows& rows, std::size_t offset, Int* quants) {
  BlockQuants<Format> blocks[kPanelRows];
  for (std::size_t i = 0; i < kPanelRows; ++i) blocks[i] = BlockQuants<Format>(rows.row[i] + offset);
  unpack_quarter<Format, kArrange, 0>(blocks, quants);
  unpack_quarter<Format, kArrange, 1>(blocks, quants);
  unpack_quarter<Format, kArrange, 2>(blocks, quants);
  unpack_quarter<Format, kArrange, 3>(blocks, quants);
}

/// An int a row for each group, from 16 bytes a row: sub-scales or minimums, which a format with groups of 32 writes
/// twice each.
template <typename Format, Lane (*kBytes)(const Byte* block)>
inline void unpack_groups(const PanelRows& rows, std::size_t offset, Int* groups) {
  constexpr std::size_t kStep = Format::kGroupValues / 16;
  Int by_row[kPanelRows];
  Int by_group[kPanelRows];
  for (std::size_t i = 0; i < kPanelRows; ++i) by_row[i] = widen_signed_to_ints(kBytes(rows.row[i] + offset));
  transpose_ints(by_row, by_group);
  for (std::size_t group = 0; group < 16 / kStep; ++group) groups[group] = by_group[group * kStep];
}

/// The sum over a group, from a token's sums of 16.
template <typename Format>
inline std::int32_t group_sum(const std::int32_t* sums, std::size_t group) {
  if constexpr (Format::kGroupValues == 16) return sums[group];
  return sums[2 * group] + sums[2 * group + 1];
}

}  // namespace
}  // namespace assay::kernels
