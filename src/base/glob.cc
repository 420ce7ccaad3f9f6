#include "base/glob.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace assay {

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the last star passed, and what it stands for so far
  std::size_t star_end = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_end = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::size_t glob_distance(std::string_view pattern, std::string_view text) {
  // Levenshtein's recurrence; a star takes any character for nothing.
  std::vector<std::size_t> above(text.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  std::vector<std::size_t> row(text.size() + 1);
  for (const char p : pattern) {
    const bool star = p == '*';
    row[0] = above[0] + (star ? 0 : 1);
    for (std::size_t t = 1; t <= text.size(); ++t) {
      if (star) {
        row[t] = std::min(above[t], row[t - 1]);
      } else {
        const std::size_t replaced = above[t - 1] + (p == '?' || p == text[t - 1] ? 0 : 1);
        row[t] = std::min({replaced, above[t] + 1, row[t - 1] + 1});
      }
    }
    std::swap(above, row);
  }
  return above.back();
}

std::vector<std::string> nearest_names(std::string_view pattern, std::span<const std::string> names,
                                       std::size_t limit) {
  std::vector<std::pair<std::size_t, std::size_t>> order;
  for (std::size_t i = 0; i < names.size(); ++i) order.emplace_back(glob_distance(pattern, names[i]), i);
  std::sort(order.begin(), order.end());
  std::vector<std::string> nearest;
  for (std::size_t i = 0; i < std::min(limit, order.size()); ++i) nearest.push_back(names[order[i].second]);
  return nearest;
}

}  // namespace assay
