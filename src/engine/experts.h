// How experts are chosen, and how what chose them is read, whatever the arithmetic.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "model/plan.h"

namespace assay::engine {

/// Whether x[a] stands before x[b]: the larger one, of equal ones that of the lower index; NaN after all numbers.
template <typename T>
bool stands_before(const T* x, std::size_t a, std::size_t b) {
  if (x[a] > x[b]) return true;
  if (x[a] < x[b]) return false;
  const bool is_nan = std::isnan(x[a]);
  return is_nan == std::isnan(x[b]) ? a < b : !is_nan;
}

/// The first of the x[i] in that order that are `allowed` and, unless `last` is `count`, stand behind x[last]; `count`
/// when there is none.
template <typename T, typename Allowed>
std::size_t next_largest(const T* x, std::size_t count, std::size_t last, const Allowed& allowed) {
  std::size_t next = count;
  for (std::size_t i = 0; i < count; ++i) {
    if (!allowed(i) || (last < count && !stands_before(x, last, i))) continue;
    if (next == count || stands_before(x, i, next)) next = i;
  }
  return next;
}

/// The groups of model::TopK that are chosen from: bit g for group g.
template <typename T>
std::uint64_t chosen_groups(const model::TopK& top, const T* x, std::size_t count) {
  const std::size_t each = count / top.groups;
  std::array<T, model::kMaxExpertGroups> sums;
  for (std::size_t group = 0; group < top.groups; ++group) {
    const T* own = x + group * each;
    const auto any = [](std::size_t) { return true; };
    const std::size_t first = next_largest(own, each, each, any);
    sums[group] = own[first] + own[next_largest(own, each, first, any)];
  }
  std::uint64_t chosen = 0;
  std::size_t last = top.groups;
  for (std::size_t i = 0; i < top.used_groups; ++i) {
    last = next_largest(sums.data(), top.groups, last, [&](std::size_t group) { return (chosen >> group & 1) == 0; });
    chosen |= std::uint64_t{1} << last;
  }
  return chosen;
}

/// chosen[0 .. chosen_count): indices of the first of x[0 .. count) in that order, as model::TopK says. The groups used
/// have at least chosen_count.
template <typename T>
void choose_largest(const model::TopK& top, const T* x, std::size_t count, std::size_t chosen_count, T* chosen) {
  const std::uint64_t groups = top.groups == 1 ? 1 : chosen_groups(top, x, count);
  const std::size_t each = count / top.groups;
  std::size_t last = count;
  for (std::size_t slot = 0; slot < chosen_count; ++slot) {
    last = next_largest(x, count, last, [&](std::size_t i) { return (groups >> (i / each) & 1) != 0; });
    chosen[slot] = static_cast<T>(last);
  }
}

/// The index that a channel holds; `count` when it is none below that: an observer may have put anything there.
template <typename T>
std::size_t index_of(T channel, std::size_t count) {
  if (!(channel >= 0 && channel < static_cast<T>(count))) return count;
  const auto index = static_cast<std::size_t>(channel);
  return static_cast<T>(index) == channel ? index : count;
}

/// What a slot's channel holds; its own number where there are no indices.
template <typename T>
T matrix_of_slot(const T* chosen, std::size_t slot) {
  return chosen == nullptr ? static_cast<T>(slot) : chosen[slot];
}

/// x[index]; NaN where the channel holds none.
template <typename T>
T picked(const T* x, std::size_t count, T channel) {
  const std::size_t index = index_of(channel, count);
  return index < count ? x[index] : std::numeric_limits<T>::quiet_NaN();
}

}  // namespace assay::engine
