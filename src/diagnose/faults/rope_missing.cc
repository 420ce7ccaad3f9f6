#include "diagnose/faults/faults.h"
#include "diagnose/faults/rotate.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* rope = site.operation<model::Rope>();
  if (rope == nullptr || (turning(site) == nullptr && rope->magnitude == 1)) return;
  hypotheses.push_back({{}, [](const Site& here) { return here.input(0); }});
}

}  // namespace

const Fault kRopeMissing = {"rope_missing",
                            "does not rotate this vector by its token's position: rotary embedding is left out",
                            "Apply rotary embedding to q and to k, before k goes into the cache.",
                            "NVIDIA/TensorRT-LLM#4040",
                            FaultClass::mistake,
                            propose};

}  // namespace assay::diagnose
