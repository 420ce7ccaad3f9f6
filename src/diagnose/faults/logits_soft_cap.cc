#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::SoftCap>() == nullptr) return;
  hypotheses.push_back({{{"rule", "ignored"}}, [](const Site& here) { return here.input(0); }});
}

}  // namespace

const Fault kLogitsSoftCap = {
    "logits_soft_cap",
    "leaves out the soft cap of the logits",
    "Compute cap * tanh(logit / cap) with final_logit_softcapping of the file; the order of the logits stays, "
    "their probabilities do not.",
    "ggml-org/llama.cpp#8197 sgl-project/sglang#1046",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
