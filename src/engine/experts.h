// How experts are chosen, and how what chose them is read, whatever the arithmetic.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

namespace assay::engine {

/// Whether x[a] stands before x[b]: the larger one, of equal ones that of the lower index; NaN after all numbers.
template <typename T>
bool stands_before(const T* x, std::size_t a, std::size_t b) {
  if (x[a] > x[b]) return true;
  if (x[a] < x[b]) return false;
  const bool is_nan = std::isnan(x[a]);
  return is_nan == std::isnan(x[b]) ? a < b : !is_nan;
}

/// chosen[0 .. chosen_count): indices of the first of x[0 .. count) in that order. chosen_count <= count.
template <typename T>
void choose_largest(const T* x, std::size_t count, std::size_t chosen_count, T* chosen) {
  std::size_t last = count;
  for (std::size_t slot = 0; slot < chosen_count; ++slot) {
    std::size_t next = count;
    for (std::size_t i = 0; i < count; ++i) {
      if (slot > 0 && !stands_before(x, last, i)) continue;
      if (next == count || stands_before(x, i, next)) next = i;
    }
    chosen[slot] = static_cast<T>(next);
    last = next;
  }
}

/// The index that a channel holds; `count` when it is none below that: an observer may have put anything there.
template <typename T>
std::size_t index_of(T channel, std::size_t count) {
  if (!(channel >= 0 && channel < static_cast<T>(count))) return count;
  const auto index = static_cast<std::size_t>(channel);
  return static_cast<T>(index) == channel ? index : count;
}

/// x[index]; NaN where the channel holds none.
template <typename T>
T picked(const T* x, std::size_t count, T channel) {
  const std::size_t index = index_of(channel, count);
  return index < count ? x[index] : std::numeric_limits<T>::quiet_NaN();
}

}  // namespace assay::engine
