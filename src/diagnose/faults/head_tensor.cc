#include <string>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

/// The one of the two tables that the step does not read; kNoWeight where there is none.
model::WeightId other_table(const Site& site) {
  const gguf::Tensor* own = matrix_of(site);
  const bool is_head = own != nullptr && own->name == "output.weight";
  const bool is_table = own != nullptr && own->name == "token_embd.weight";
  if (!is_head && !is_table) return model::kNoWeight;
  const model::WeightId other = find_weight(site, is_head ? "token_embd.weight" : "output.weight");
  return other != model::kNoWeight && site.tensor(other).ne == own->ne ? other : model::kNoWeight;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const model::WeightId other = other_table(site);
  if (other == model::kNoWeight) return;
  hypotheses.push_back({{{"tensor", std::string(site.tensor(other).name)}},
                        [](const Site& here) { return run_with_weight(here, other_table(here)); }});
}

}  // namespace

const Fault kHeadTensor = {
    "head_tensor",
    "takes the embedding table for the output matrix, or the output matrix for the embedding table",
    "A file with output.weight makes its logits of that; only without it token_embd.weight serves for both.",
    "pegainfer-project/pegainfer#544 1bit-MONSTER/1bit-MONSTER#319 vllm-project/vllm#53020",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
