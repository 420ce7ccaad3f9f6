#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::Add>() == nullptr) return;
  for (const std::size_t kept : {0, 1}) {
    hypotheses.push_back(
        {{{"kept", kept == 0 ? "first" : "second"}}, [kept](const Site& here) { return here.input(kept); }});
  }
}

}  // namespace

const Fault kResidualMissing = {"residual_missing",
                                "leaves out one side of a residual connection: the sum is only one of its inputs",
                                "Add what the block computed to the stream that went into it.",
                                "facebookresearch/multimodal#305 kyegomez/BitNet#32",
                                FaultClass::mistake,
                                propose};

}  // namespace assay::diagnose
