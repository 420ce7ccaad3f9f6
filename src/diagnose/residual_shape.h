// The shapes that a residual may have: what rows that are wrong have in common with the right ones.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace assay::diagnose {

struct RowPair {
  std::size_t row;         ///< which token
  const double* given;     ///< [width]
  const double* computed;  ///< [width]
  const double* before;    ///< computed for the token before; null at the first
};

/// Rows that are wrong; all their values are finite.
struct Residual {
  std::vector<RowPair> rows;
  std::size_t width = 0;
  std::size_t head_width = 0;  ///< 0: the value has no heads
  double same = 0;             ///< relative differences up to this are none
};

/// The first shape that fits, the particular ones first; empty when none does.
std::string shape_of(const Residual& residual);

/// |given - computed| / |computed|; 1 where only the computed row is zero.
double relative_difference(const RowPair& pair, std::size_t width);

}  // namespace assay::diagnose
