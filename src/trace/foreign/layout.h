// How the rows of a tap may lie in an array of somebody else's shape: [tokens, channels] or transposed, heads as an
// axis of their own before or behind the tokens, a batch axis, one row only, padding. The shape says which; where it
// fits twice, as a square does, the values have to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace assay::trace {

/// Of an array whose last index is contiguous.
struct Layout {
  std::size_t rows = 0;
  std::size_t row_stride = 0;
  std::size_t head_width = 0;
  std::size_t head_stride = 0;
  std::size_t channel_stride = 1;
  std::string note;                ///< what is unusual; empty for [tokens, channels]
  bool contradicts_shape = false;  ///< to be taken only when the values say so
  bool is_tied = false;            ///< another one is as likely by the shape

  /// Where a value of the tap is.
  std::size_t place(std::size_t row, std::size_t channel) const {
    return row * row_stride + channel / head_width * head_stride + channel % head_width * channel_stride;
  }
};

struct LayoutQuestion {
  std::span<const std::uint64_t> shape;
  std::span<const double> values;  ///< for telling padding from content
  std::size_t width = 0;           ///< channels of the tap
  std::size_t head_width = 0;      ///< 0: the tap has no heads
  std::size_t tokens = 0;          ///< 0: nobody knows
};

/// All that fit, the likeliest first, [tokens, channels] before others; none where the shape has no place for rows of
/// this width. The rows of one are at most `tokens`.
std::vector<Layout> find_layouts(const LayoutQuestion& question);

/// [rows, width]
std::vector<double> rows_of(const Layout& layout, std::span<const double> values, std::size_t width);

}  // namespace assay::trace
