#include "diagnose/faults/faults.h"
#include "diagnose/faults/normalize.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::RmsNorm>() == nullptr) return;
  for (const double offset : {1.0, -1.0}) {
    hypotheses.push_back({{{"offset", offset > 0 ? "+1" : "-1"}}, [offset](const Site& here) {
                            Norming norming(here);
                            for (double& weight : norming.weight) weight += offset;
                            return norming(here.input(0));
                          }});
  }
}

}  // namespace

const Fault kNormWeightOffset = {
    "norm_weight_offset",
    "takes the norm's weight with a one too much or too little: (1 + w) for w, or the reverse",
    "Multiply by the weight as the file has it; GGUF files of gemma have had their 1 added by the converter.",
    "vllm-project/vllm#31464 utensils/mold#1074 utensils/mold#1078 llmmanorg/llmman#175 llmmanorg/llmman#245 "
    "huggingface/transformers#35708 kekzl/imp#1290",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
