#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* attention = site.operation<model::Attention>();
  if (attention == nullptr || attention->soft_cap == 0 || site.passage.tokens.size() < 2) return;
  hypotheses.push_back({{{"rule", "ignored"}}, [](const Site& here) {
                          Look look(here);
                          look.attention.soft_cap = 0;
                          return attend(here, look);
                        }});
  hypotheses.push_back({{{"rule", "before the scale"}}, [](const Site& here) {
                          Look look(here);
                          look.attention.scale = 1;
                          look.weigh = [scale = here.operation<model::Attention>()->scale](Matrix& scores) {
                            for (double& score : scores.values) score *= scale;
                            softmax(scores);
                          };
                          return attend(here, look);
                        }});
}

}  // namespace

const Fault kAttentionSoftCap = {
    "attention_soft_cap",
    "leaves out the soft cap of attention scores, or caps them before they are scaled",
    "Compute cap * tanh(score / cap) of the scaled scores, before the mask; some kernels ignore the argument "
    "silently.",
    "ggml-org/llama.cpp#8197 sgl-project/sglang#33915 sgl-project/sglang#34093 sgl-project/sglang#1046",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
