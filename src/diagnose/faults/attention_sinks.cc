#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* attention = site.operation<model::Attention>();
  if (attention == nullptr || attention->sinks == model::kNoWeight) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          model::Step changed = here.step();
                          std::get<model::Attention>(changed.operation).sinks = model::kNoWeight;
                          return here.run(changed);
                        }});
}

}  // namespace

const Fault kAttentionSinks = {"attention_sinks",
                               "leaves out the sinks: the softmax of each head is over the keys alone",
                               "Let e^(attn_sinks[head]) take part in the sum of each head's softmax; it has no value.",
                               "",
                               FaultClass::mistake,
                               propose};

}  // namespace assay::diagnose
