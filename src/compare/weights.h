// Two files' weights, tensor by tensor: how far apart the values are, where it is worst, what is damaged, and whether
// one file holds a tensor in another order (arrangement.h) that a converter is known to make.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compare/arrangement.h"
#include "compare/weight_source.h"

namespace assay::compare {

/// A block of the candidate, counted over the tensor as `assay inspect TENSOR --block N` counts.
struct WorstBlock {
  std::uint64_t index = 0;
  double error = 0;  ///< rms of the difference
  double share = 0;  ///< of the tensor's squared difference, 0..1
};

/// One tensor of both files. Sums are over values that are finite in both.
struct WeightDifference {
  std::string name;  ///< GGUF's
  std::string reference_name;
  std::string candidate_name;
  std::string reference_type;
  std::string candidate_type;
  std::vector<std::uint64_t> shape;  ///< of the candidate, the last dimension contiguous
  std::uint64_t values = 0;

  double relative_error = 0;  ///< |c - r| / |r|
  double sqnr_db = 0;         ///< 10 log10(|r|^2 / |c - r|^2), infinite for equal ones
  double max_error = 0;       ///< largest |c - r|
  std::uint64_t max_row = 0;  ///< where, in the candidate
  std::uint64_t max_column = 0;
  double rms_reference = 0;
  double rms_candidate = 0;

  std::uint64_t block_values = 0;        ///< of the candidate's type; 32 for types without blocks
  std::vector<WorstBlock> worst_blocks;  ///< at most 3, the worst first
  std::uint64_t non_finite_reference = 0;
  std::uint64_t non_finite_candidate = 0;
  std::optional<std::uint64_t> first_non_finite_block;  ///< of the candidate
  std::uint64_t lost_blocks = 0;                        ///< all zero in the candidate, not so in the reference
  std::uint64_t saturated_scales =
      0;  ///< blocks of the candidate whose scale or minimum is f16's largest, or no number

  Arrangement arrangement;
  double offset = 0;           ///< 1 or -1: the candidate is the reference plus that (norms kept as 1 + w)
  std::string note;            ///< what is remarkable, in words; empty: nothing
  bool is_suspicious = false;  ///< the note is of something that no converter should have done
};

struct WeightMismatch {
  std::string name;
  std::string reason;  ///< "shape [64, 128] against [64, 256]"
};

struct WeightComparison {
  std::vector<WeightDifference> tensors;  ///< largest relative error first
  std::vector<std::string> missing;       ///< only in the reference
  std::vector<std::string> extra;         ///< only in the candidate
  std::vector<WeightMismatch> mismatched;
  double relative_error = 0;  ///< over all values that were compared

  /// Whether something is missing, misshapen, damaged or in a wrong order.
  bool has_faults() const;
};

/// `on_progress(values)`: how many of the reference's values are done, after each of its tensors. What it throws ends
/// the comparison.
WeightComparison compare_weights(const WeightSource& reference, const WeightSource& candidate, int threads,
                                 const std::function<void(std::uint64_t)>& on_progress);

}  // namespace assay::compare
