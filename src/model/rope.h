// Frequencies of rotary position embedding: pair i of a head turns by position * frequencies[i] radians.
//
//   plain    base^(-2 i / d), d = rope.dimension_count                               Su et al. 2021, RoFormer
//   factors  ... / factors[i]: the tensor rope_freqs.weight, where llama3's scaling arrives ready-made
//   linear   ... / rope.scaling.factor                                               Chen et al. 2023, arXiv 2306.15595
//   yarn     a mix of the plain (fast pairs) and the linear frequency (slow pairs)   Peng et al. 2023, arXiv 2309.00071
//
// YaRN's mix is a ramp over the pair index, as in the authors' code and as llama.cpp and Hugging Face compute it: with
//   turns(b) = d * ln(L / (2 pi b)) / (2 ln base),  L = rope.scaling.original_context_length,
//   low = max(0, floor(turns(beta_fast))),  high = min(d - 1, ceil(turns(beta_slow))),
//   share of the plain frequency = ext_factor * (1 - clamp((i - low) / max(0.001, high - low), 0, 1)).
// It also multiplies q and k by m(1) / m(log_multiplier), m(x) = 1 + 0.1 x ln(factor) for a factor above 1 (its
// section 3.4).
#pragma once

#include <span>
#include <vector>

#include "model/hyper_parameters.h"

namespace assay::model {

struct RopeTable {
  std::vector<double> frequencies;  ///< rope_dimension_count / 2, radians a position
  double magnitude;
  double base;
  bool is_scaled;
};

/// `factors` is empty or has one value a pair. Throws Error{input} when a factor is not positive, or when a frequency
/// is so high that positions up to context_length could not be computed (base/math.h).
RopeTable rope_table(const HyperParameters& hyper_parameters, std::span<const double> factors);

/// The plain frequencies of another base, whatever the file says of scaling: some families' windowed layers.
RopeTable plain_rope_table(const HyperParameters& hyper_parameters, double base);

}  // namespace assay::model
