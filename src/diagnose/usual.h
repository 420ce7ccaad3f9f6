// Numbers that people know by another name than their digits.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assay::diagnose {

struct Usual {
  double value;
  std::string text;  ///< as people write it: "1/sqrt(n_embd)"
};

/// What engines multiply with at the wrong place: the root of a width, the width, and one over each.
std::vector<Usual> factors_of(std::size_t width, std::string_view name);

}  // namespace assay::diagnose
