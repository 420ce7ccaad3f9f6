// Which tensors are to blame: tensors of the candidate are put back to the reference's, a group at a time, and the
// whole model runs again and is scored. Nothing that is reported is an estimate.
//
// Whole layers and whole kinds (every attn_v) are run first. As if blame were spread independently over layers and
// kinds, the share of a tensor is then expected to be share(layer) * share(kind): that estimate chooses which single
// tensors are run. Then the worst are put back together, one more at a time, and after those twice as many each time,
// in the order of the estimate.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "compare/comparison.h"
#include "compare/plan_pair.h"

namespace assay::compare {

struct PutBack {
  GroupKind kind = GroupKind::tensor;
  std::string name;  ///< "blk.3.attn_v.weight", "blk.3", "attn_v", "3 worst"
  std::vector<model::WeightId> weights;
  double estimate = 0;  ///< of its share of the way from the candidate's score to the reference's
  double score = 0;     ///< of a real run
};

/// A model of its own is run for every plan, so not all groups are run at once.
inline constexpr std::size_t kPlansAtOnce = 8;

struct PutBackRequest {
  double reference_score = 0;
  double candidate_score = 0;
  /// Of each of these plans, at most kPlansAtOnce; higher is better. Every group is scored once.
  std::function<std::vector<double>(std::span<const model::Plan>)> score;
  /// Whether a score is good enough to stop putting more back together. Empty: none is.
  std::function<bool(double)> is_enough;
  std::size_t single_tensors = 8;  ///< run alone, besides those outside the layers
  std::size_t together = 6;        ///< so many one at a time
  /// Runs done, and how many there will be at most. May be empty.
  std::function<void(std::size_t done, std::size_t total)> on_run;
};

/// Single tensors, then the worst together, then kinds, then layers; each sort best score first. Groups of one tensor
/// stand as that tensor. Empty when no tensor differs.
std::vector<PutBack> put_back_groups(const PlanPair& pair, const PutBackRequest& request);

/// Names of the tensors, in the candidate.
std::vector<std::string> tensor_names(const PlanPair& pair, const std::vector<model::WeightId>& weights);

}  // namespace assay::compare
