// The merge loop that both kinds of byte-pair encoding share: of all adjacent pairs that may merge, the best goes
// first, of equally good ones the leftmost. A heap of candidates over a linked list: O(n log n) in the number of
// symbols.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace assay::tokenizer {

constexpr Token kNoToken = -1;

/// A stretch of the text. `size` 0 marks one that was merged away.
struct Symbol {
  std::uint32_t begin;
  std::uint32_t size;
  Token token;  ///< kNoToken for a character the vocabulary lacks
};

/// What two neighbours become. Higher `priority` goes first.
struct Merge {
  double priority;
  Token token;
};

class Merger {
 public:
  void clear() { symbols_.clear(); }
  void add(Symbol symbol) { symbols_.push_back(symbol); }

  /// Merges until nothing fits. `find(left, right)` gives std::optional<Merge> for two neighbours.
  template <typename Find>
  void run(const Find& find) {
    const std::size_t count = symbols_.size();
    previous_.resize(count);
    next_.resize(count);
    candidates_.clear();
    for (std::size_t i = 0; i < count; ++i) {
      previous_[i] = i == 0 ? kNone : static_cast<std::uint32_t>(i - 1);
      next_[i] = i + 1 == count ? kNone : static_cast<std::uint32_t>(i + 1);
      if (i > 0) consider(i - 1, i, find);
    }
    std::make_heap(candidates_.begin(), candidates_.end());
    while (!candidates_.empty()) {
      std::pop_heap(candidates_.begin(), candidates_.end());
      const Candidate best = candidates_.back();
      candidates_.pop_back();
      Symbol& left = symbols_[best.left];
      Symbol& right = symbols_[best.right];
      // A side that was merged meanwhile is gone or has grown.
      if (left.size == 0 || right.size == 0 || left.size + right.size != best.size) continue;
      left = {left.begin, best.size, best.token};
      right.size = 0;
      next_[best.left] = next_[best.right];
      if (next_[best.left] != kNone) previous_[next_[best.left]] = best.left;
      if (previous_[best.left] != kNone) reconsider(previous_[best.left], best.left, find);
      if (next_[best.left] != kNone) reconsider(best.left, next_[best.left], find);
    }
  }

  /// Calls `use(symbol)` for what is left, in order.
  template <typename Use>
  void for_each(const Use& use) const {
    for (const Symbol& symbol : symbols_) {
      if (symbol.size > 0) use(symbol);
    }
  }

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  struct Candidate {
    double priority;
    std::uint32_t left, right, size;
    Token token;
    bool operator<(const Candidate& other) const {
      return priority != other.priority ? priority < other.priority : left > other.left;
    }
  };

  template <typename Find>
  bool consider(std::size_t left, std::size_t right, const Find& find) {
    const std::optional<Merge> merge = find(symbols_[left], symbols_[right]);
    if (!merge) return false;
    candidates_.push_back({merge->priority, static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(right),
                           symbols_[left].size + symbols_[right].size, merge->token});
    return true;
  }

  template <typename Find>
  void reconsider(std::size_t left, std::size_t right, const Find& find) {
    if (consider(left, right, find)) std::push_heap(candidates_.begin(), candidates_.end());
  }

  std::vector<Symbol> symbols_;
  std::vector<std::uint32_t> previous_, next_;
  std::vector<Candidate> candidates_;
};

}  // namespace assay::tokenizer
