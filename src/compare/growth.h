// Watches the residual stream ("blk.N.out") of reference and candidate: how much a token's rms grows through the
// layers, and which channels stand far above the others.
//
// Massive activations, Sun et al. 2024 (arXiv 2402.17762): above 100 in magnitude, and about 1000 times the median
// magnitude of the hidden state, tokens by channels. The median is taken here as the median over tokens of each token's
// median, which needs no second look at the values.
#pragma once

#include <cstddef>
#include <vector>

#include "compare/comparison.h"
#include "engine/engine.h"
#include "model/plan.h"

namespace assay::compare {

class GrowthMeter {
 public:
  /// `plan` must outlive it.
  explicit GrowthMeter(const model::Plan& plan);

  /// Rows of a value of the plan, of equal shape, from `position` of their text on. Values that are no layer's output
  /// are passed over.
  void add(std::size_t value, std::size_t position, const engine::Rows& reference, const engine::Rows& candidate);

  /// Without the verdict; all zero for a plan without layers.
  Growth finish() const;

 private:
  struct Largest {
    double reference = 0;
    double candidate = 0;
    std::size_t position = 0;
  };
  struct Layer {
    std::size_t value = 0;
    std::vector<double> reference_rms;  // of each token
    std::vector<double> candidate_rms;
    std::vector<double> medians;   // of each token's magnitudes in the reference
    std::vector<Largest> largest;  // by channel
  };
  std::vector<MassiveChannel> massive_channels() const;

  const model::Plan& plan_;
  std::vector<Layer> layers_;
  std::vector<int> layer_of_value_;  // -1: none
};

}  // namespace assay::compare
