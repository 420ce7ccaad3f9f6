#include "diagnose/usual.h"

#include <cmath>

#include <fmt/format.h>

namespace assay::diagnose {

std::vector<Usual> factors_of(std::size_t width, std::string_view name) {
  const auto number = static_cast<double>(width);
  const double root = std::sqrt(number);
  return {{root, fmt::format("sqrt({})", name)},
          {1 / root, fmt::format("1/sqrt({})", name)},
          {number, std::string(name)},
          {1 / number, fmt::format("1/{}", name)}};
}

}  // namespace assay::diagnose
