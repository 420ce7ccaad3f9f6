// How the types with a codebook of entries (grids.h) are written: the searches of ggml's reference quantizer. Values
// become digits l, which stand for 2 l + 1 steps of a group's scale; a row of digits that is no entry of the codebook
// gives way to one of its nearest entries. Only files of this room include it.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "quant/encode.h"
#include "quant/grids.h"

namespace assay::quant {

/// A codebook by its digits.
class GridDigits {
 public:
  static constexpr int kMostValues = 8;
  using Row = std::array<std::uint8_t, kMostValues>;

  /// Of entries at the `rings` smallest distances that occur, each of them is near; distances are those of the digits.
  template <typename Entry, int entry_count>
  GridDigits(const Grid<Entry, entry_count>& grid, int rings) : values_(Grid<Entry, entry_count>::kValues) {
    for (const Entry entry : grid.entry) {
      Row row = {};
      for (int i = 0; i < values_; ++i)
        row[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(entry >> (8 * i) & 255);
      entries_.push_back(row);
    }
    number_digits();
    find_neighbours(rings);
  }

  int values() const { return values_; }
  /// Digits 0 .. levels() - 1.
  int levels() const { return levels_; }
  const Row& digits(int entry) const { return entries_[static_cast<std::size_t>(entry)]; }

  /// The entry that has these digits, or -1.
  int find(const std::uint8_t* digits) const { return entry_of_[code_of(digits)]; }
  /// For digits of no entry: the nearest ones, then those of the further rings; in each by number.
  std::span<const std::uint16_t> near(const std::uint8_t* digits) const {
    const std::size_t code = code_of(digits);
    return std::span(near_).subspan(near_begin_[code], near_begin_[code + 1] - near_begin_[code]);
  }

 private:
  std::size_t code_of(const std::uint8_t* digits) const {
    std::size_t code = 0;
    for (int i = values_ - 1; i >= 0; --i) code = code * static_cast<std::size_t>(levels_) + digits[i];
    return code;
  }
  void number_digits();
  void find_neighbours(int rings);

  int values_;
  int levels_ = 0;
  std::vector<Row> entries_;
  std::vector<int> entry_of_;              ///< by code
  std::vector<std::uint32_t> near_begin_;  ///< by code, and an end
  std::vector<std::uint16_t> near_;
};

/// How the groups of a type are searched.
struct GridRule {
  int group_values;      ///< 16 or 32
  float step;            ///< candidates lay the largest value on (2 * levels - 1) + i * step,
  int steps;             ///< i = -steps .. steps
  float least;           ///< groups without a larger magnitude are nothing
  float variance;        ///< of importance_weights, in mean squares of the block
  float plain_share;     ///< of that variance: weights without an importance are plain_share * variance + x^2
  float factor;          ///< of d, behind the scales' rounding
  bool has_seven_signs;  ///< of eight signs an even number are minuses
  bool starts_fitted;    ///< candidates begin around a least-squares scale, not around the largest value
  enum class Refit { off_grid, all_if_off_grid, all } refit;  ///< which entries are chosen again for the scale found
};

/// A block as its type's file packs it. A group of nothing is all zeros.
struct GridBlock {
  float d = 0;
  std::uint8_t scale[16] = {};  ///< 0 .. 15, for 2 * scale + 1
  std::uint16_t entry[64] = {};
  std::uint8_t signs[32] = {};  ///< bit i: value 8 j + i is negative
};

GridBlock encode_grid_block(const float* x, const float* importance, const GridDigits& digits, const GridRule& rule);

/// Type::encode of such a type; make_digits() gives its GridDigits, one for all calls.
template <auto make_digits, auto put_together, const GridRule& rule, int block_bytes>
void encode_grid_blocks(const float* row, std::size_t width, const float* importance, std::byte* blocks) {
  static const GridDigits kDigits = make_digits();
  for (std::size_t first = 0; first < width; first += 256, blocks += block_bytes) {
    std::fill_n(blocks, block_bytes, std::byte{0});
    put_together(encode_grid_block(row + first, importance != nullptr ? importance + first : nullptr, kDigits, rule),
                 blocks);
  }
}

/// Two nibbles a byte, the lower index in the low one.
inline void pack_nibble_pairs(const std::uint8_t* nibbles, int count, std::byte* field) {
  for (int i = 0; i < count; i += 2)
    as_bytes(field)[i / 2] = static_cast<std::uint8_t>(nibbles[i] | nibbles[i + 1] << 4);
}

}  // namespace assay::quant
