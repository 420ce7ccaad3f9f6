// Which of many texts stand at a place of another: they are sorted, and the range of those that still fit narrows byte
// by byte.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::tokenizer {

class PrefixSearch {
 public:
  PrefixSearch() = default;
  /// `texts` are sorted, none is empty, none comes twice. Keeps the views.
  explicit PrefixSearch(std::vector<std::string_view> texts) : texts_(std::move(texts)) {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      auto& [begin, end] = by_first_[byte_at(texts_[i], 0)];
      if (begin == end) begin = i;
      end = i + 1;
    }
  }

  /// Calls `use(index)` for each text that stands at text[at], the shortest first.
  template <typename Use>
  void for_each(std::string_view text, std::size_t at, const Use& use) const {
    auto [begin, end] = by_first_[byte_at(text, at)];
    for (std::size_t size = 1; begin < end; ++size) {
      // What ends here stands first in the range.
      if (texts_[begin].size() == size) use(begin++);
      if (at + size == text.size()) break;
      const unsigned char next = byte_at(text, at + size);
      const auto first = texts_.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto last = texts_.begin() + static_cast<std::ptrdiff_t>(end);
      const auto low = std::partition_point(first, last, [&](std::string_view t) { return byte_at(t, size) < next; });
      const auto high = std::partition_point(low, last, [&](std::string_view t) { return byte_at(t, size) == next; });
      begin = static_cast<std::size_t>(low - texts_.begin());
      end = static_cast<std::size_t>(high - texts_.begin());
    }
  }

 private:
  static unsigned char byte_at(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

  std::vector<std::string_view> texts_;
  std::array<std::pair<std::size_t, std::size_t>, 256> by_first_{};  ///< the range of those with this first byte
};

}  // namespace assay::tokenizer
