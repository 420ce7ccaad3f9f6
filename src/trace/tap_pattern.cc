#include "trace/tap_pattern.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/glob.h"
#include "base/text.h"

namespace assay::trace {
namespace {

[[noreturn]] void refuse(std::string_view pattern, std::span<const std::string> taps) {
  throw Error(ErrorKind::usage, fmt::format("no tap matches '{}'", printable(pattern)),
              fmt::format("Near it: {}.", fmt::join(nearest_names(pattern, taps), ", ")));
}

}  // namespace

std::vector<bool> choose_taps(const model::Plan& plan, std::string_view patterns) {
  std::vector<std::string> taps;
  for (const model::Value& value : plan.values) taps.push_back(value.tap);
  std::vector<bool> included(taps.size(), false);
  std::vector<bool> excluded(taps.size(), false);
  bool any_included = false;
  for (std::size_t begin = 0; begin <= patterns.size();) {
    const std::size_t end = std::min(patterns.find(',', begin), patterns.size());
    std::string_view pattern = trim(patterns.substr(begin, end - begin));
    begin = end + 1;
    if (pattern.empty()) continue;
    const bool excludes = pattern.front() == '!';
    if (excludes) pattern.remove_prefix(1);
    any_included = any_included || !excludes;
    bool matched = false;
    for (std::size_t i = 0; i < taps.size(); ++i) {
      if (!glob_matches(pattern, taps[i])) continue;
      (excludes ? excluded : included)[i] = true;
      matched = true;
    }
    if (!matched) refuse(pattern, taps);
  }
  std::vector<bool> chosen(taps.size());
  for (std::size_t i = 0; i < taps.size(); ++i) chosen[i] = (included[i] || !any_included) && !excluded[i];
  if (std::find(chosen.begin(), chosen.end(), true) == chosen.end()) {
    throw Error(ErrorKind::usage, fmt::format("'{}' leaves no tap", printable(patterns)));
  }
  return chosen;
}

}  // namespace assay::trace
