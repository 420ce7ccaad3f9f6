#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::RmsNorm>() == nullptr) return;
  hypotheses.push_back({{}, [](const Site& here) { return here.input(0); }});
}

}  // namespace

const Fault kNormMissing = {"norm_missing",
                            "leaves out a norm: its input goes on as it is",
                            "Apply this norm; the final one before the head is forgotten most often.",
                            "kekzl/imp#1289 kekzl/imp#1290 kvark/meganeura#188",
                            FaultClass::mistake,
                            propose};

}  // namespace assay::diagnose
