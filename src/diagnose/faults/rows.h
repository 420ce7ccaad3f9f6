// Steps whose rows are another row's.
#pragma once

#include <algorithm>
#include <cstddef>

#include "diagnose/fault.h"

namespace assay::diagnose {

/// Whether every token of the passage stands right behind the one before it.
inline bool has_every_token(const Passage& passage) {
  for (std::size_t i = 1; i < passage.positions.size(); ++i) {
    if (passage.positions[i] != passage.positions[i - 1] + 1) return false;
  }
  return true;
}

/// The step's right output with row i + offset for row i; rows that have none keep their own. Empty where tokens are
/// left out.
inline Matrix shift_rows(const Site& site, int offset) {
  if (!has_every_token(site.passage)) return {};
  const Matrix exact = site.exact();
  Matrix shifted = exact;
  for (std::size_t i = 0; i < exact.rows; ++i) {
    const std::size_t from = i + static_cast<std::size_t>(offset);
    if (from < exact.rows) std::copy_n(exact.row(from), exact.width, shifted.row(i));
  }
  return shifted;
}

}  // namespace assay::diagnose
