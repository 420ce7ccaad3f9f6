#include <utility>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q2_K", {}, [](Block& block) { std::swap(block.scale, block.min); });
}

}  // namespace

const Fault kQ2KScales = {"q2_k_scales",
                          "takes the high nibble of Q2_K's scale bytes for the scale and the low one for the minimum",
                          "The scale is the low nibble, the minimum the high one.",
                          "",
                          FaultClass::mistake,
                          propose};

}  // namespace assay::diagnose
