#include "model/join.h"

#include <algorithm>

#include <fmt/format.h>

namespace assay::model {

std::string join_first(const std::vector<std::string>& items, std::size_t limit, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < std::min(items.size(), limit); ++i) {
    if (i > 0) text += separator;
    text += items[i];
  }
  if (items.size() > limit) text += fmt::format(" and {} more", items.size() - limit);
  return text;
}

std::string shape_text(const std::vector<std::uint64_t>& ne) {
  std::vector<std::string> sizes;
  sizes.reserve(ne.size());
  for (const std::uint64_t size : ne) sizes.push_back(std::to_string(size));
  return fmt::format("[{}]", join_first(sizes, sizes.size(), ", "));
}

}  // namespace assay::model
