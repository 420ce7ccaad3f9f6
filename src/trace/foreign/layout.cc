#include "trace/foreign/layout.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace assay::trace {
namespace {

class Finder {
 public:
  explicit Finder(const LayoutQuestion& question) : question_(question), width_(question.width) {
    for (const std::uint64_t length : question.shape) {
      if (length != 1) axes_.push_back(static_cast<std::size_t>(length));
    }
  }

  std::vector<Layout> find() {
    if (question_.values.empty() || width_ == 0) return {};
    if (axes_.empty()) axes_.push_back(1);
    if (axes_.size() == 1) one_axis();
    if (axes_.size() == 2) two_axes();
    if (axes_.size() == 3) three_axes();
    std::stable_sort(found_.begin(), found_.end(), [&](const Layout& a, const Layout& b) {
      return std::pair(a.contradicts_shape, unlikeliness(a)) < std::pair(b.contradicts_shape, unlikeliness(b));
    });
    if (found_.size() > 1 && !found_[1].contradicts_shape && unlikeliness(found_[0]) == unlikeliness(found_[1])) {
      found_[0].is_tied = true;
    }
    for (Layout& layout : found_) leave_padding_out(layout);
    return std::move(found_);
  }

 private:
  void add(std::size_t rows, std::size_t row_stride, std::size_t channel_stride, std::string note,
           bool contradicts_shape = false) {
    found_.push_back({rows, row_stride, width_, 0, channel_stride, std::move(note), contradicts_shape, false});
  }

  void one_axis() {
    const std::size_t length = axes_[0];
    if (length % width_ == 0) add(length / width_, width_, 1, length == width_ ? "" : "rows one after another, flat");
    if (length > width_ && is_zero_behind_channels(1, length)) add(1, length, 1, padded_channels(length));
  }

  void two_axes() {
    const auto [a, b] = std::pair(axes_[0], axes_[1]);
    if (b == width_) add(a, width_, 1, "");
    if (a == width_) {
      add(b, 1, b, "transposed: [channels, tokens]");
      add(b, width_, 1, "the shape is written innermost first, the values lie as [tokens, channels]", a != b);
    }
    if (a * b == width_) add(1, width_, 1, "");
    if (b > width_ && is_zero_behind_channels(a, b)) add(a, b, 1, padded_channels(b));
  }

  void three_axes() {
    const auto [a, b, c] = std::tuple(axes_[0], axes_[1], axes_[2]);
    if (b * c == width_) add(a, width_, 1, "");
    if (a * c == width_ && c == question_.head_width) {
      found_.push_back({b, c, c, b * c, 1, "heads first: [heads, tokens, channels of a head]", false, false});
    }
    if (a * b == width_) {
      add(c, 1, c, "transposed: [heads, channels of a head, tokens]");
      add(c, width_, 1, "the shape is written innermost first, the values lie as [tokens, heads, channels]", true);
    }
    if (c == width_ && b == question_.tokens) add(b, width_, 1, fmt::format("a batch of {}: the first", a));
  }

  std::string padded_channels(std::size_t length) const {
    return fmt::format("rows padded with zeros from {} to {} channels", width_, length);
  }

  bool is_zero_behind_channels(std::size_t rows, std::size_t length) const {
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t i = width_; i < length; ++i) {
        if (question_.values[row * length + i] != 0) return false;
      }
    }
    return true;
  }

  /// As many rows as there are tokens, then the last one's row, then fewer, then more.
  int unlikeliness(const Layout& layout) const {
    if (question_.tokens == 0 || layout.rows == question_.tokens) return 0;
    if (layout.rows == 1) return 1;
    return layout.rows < question_.tokens ? 2 : 3;
  }

  void leave_padding_out(Layout& layout) const {
    if (question_.tokens == 0 || layout.rows <= question_.tokens) return;
    const std::vector<double> rows = rows_of(layout, question_.values, width_);
    const auto behind = rows.begin() + static_cast<std::ptrdiff_t>(question_.tokens * width_);
    const bool is_padding = std::all_of(behind, rows.end(), [](double value) { return value == 0; });
    if (!layout.note.empty()) layout.note += "; ";
    layout.note += fmt::format("{} rows for {} tokens: the others are {}", layout.rows, question_.tokens,
                               is_padding ? "zeros" : "left out");
    layout.rows = question_.tokens;
  }

  const LayoutQuestion& question_;
  std::size_t width_;
  std::vector<std::size_t> axes_;  // those longer than 1
  std::vector<Layout> found_;
};

}  // namespace

std::vector<Layout> find_layouts(const LayoutQuestion& question) { return Finder(question).find(); }

std::vector<double> rows_of(const Layout& layout, std::span<const double> values, std::size_t width) {
  std::vector<double> rows(layout.rows * width);
  for (std::size_t row = 0; row < layout.rows; ++row) {
    for (std::size_t channel = 0; channel < width; ++channel) {
      rows[row * width + channel] = values[layout.place(row, channel)];
    }
  }
  return rows;
}

}  // namespace assay::trace
