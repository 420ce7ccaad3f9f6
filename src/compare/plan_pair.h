// Two plans side by side: the same steps over the same values, with the tensors of two models. Makes the plans between
// them, in which some of the candidate's tensors are put back to the reference's.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/plan.h"

namespace assay::compare {

/// One tensor of the candidate's plan and what stands in its place in the reference's.
struct PairedTensor {
  const gguf::Tensor* reference = nullptr;  ///< at the tensor's first use
  const gguf::Tensor* candidate = nullptr;
  bool differs = false;  ///< type or bytes, at any use
};

class PlanPair {
 public:
  /// The names stand for the models in messages. Throws Error{input} that names the first step or value that is not
  /// the same in both. Numbers that belong to a step (an epsilon, rotary frequencies) may differ, see
  /// parameter_differences(). The plans must outlive the pair.
  PlanPair(const model::Plan& reference, const model::Plan& candidate, std::string_view reference_name,
           std::string_view candidate_name);

  const model::Plan& reference() const { return reference_; }
  const model::Plan& candidate() const { return candidate_; }

  /// By the candidate's WeightId.
  std::span<const PairedTensor> tensors() const { return tensors_; }

  /// The candidate's plan with these of its tensors replaced, wherever it uses them, by what the reference uses there.
  model::Plan put_back(std::span<const model::WeightId> weights) const;

  /// "blk.0.q_rope: other rotary frequencies": steps whose numbers differ although no tensor says so.
  const std::vector<std::string>& parameter_differences() const { return parameter_differences_; }

 private:
  const model::Plan& reference_;
  const model::Plan& candidate_;
  std::vector<PairedTensor> tensors_;
  std::vector<std::string> parameter_differences_;
};

/// The layer that a tap belongs to ("blk.3.q": 3), or -1.
int layer_of(std::string_view tap);

/// The tensor that a step multiplies by, or kNoWeight.
model::WeightId main_weight(const model::Operation& operation);

}  // namespace assay::compare
