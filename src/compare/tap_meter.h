// Measures one tap of the candidate against the reference's, row by row.
//
// Three vectors a row: r of the reference, c of the candidate, and s, what the candidate's step gives when it reads the
// reference's inputs ("seated"). c - r = (s - r) + (c - s): what this step introduces, and what it inherits and passes
// on. The vectors add; their norms only obey the triangle inequality.
//
// Every row is measured relative to its own |r|, and rows are joined by root mean square: one row with a massive
// activation would hide all the others in a norm over the whole matrix. Rows with r = 0 are left out of what is
// relative. All sums are float64, rows ascending.
#pragma once

#include <cstddef>

#include "compare/comparison.h"
#include "engine/engine.h"

namespace assay::compare {

class TapMeter {
 public:
  /// Rows of equal shape and of one engine. They must hold something: at least one channel.
  void add(const engine::Rows& reference, const engine::Rows& candidate, const engine::Rows& seated);

  /// Writes the measured members of `drift`; all zero when no row was added.
  void finish(TapDrift& drift) const;

 private:
  template <typename Real>
  void add_row(const Real* reference, const Real* candidate, const Real* seated, std::size_t width);

  std::size_t values_ = 0;
  std::size_t measured_rows_ = 0;  // whose reference is not zero
  double reference_squares_ = 0;
  double candidate_squares_ = 0;
  // Sums over rows of squares relative to |r|^2.
  double total_ = 0;
  double introduced_ = 0;
  double inherited_ = 0;
  double cosines_ = 0;
  double worst_ = -1;
  std::size_t worst_channel_ = 0;
};

}  // namespace assay::compare
