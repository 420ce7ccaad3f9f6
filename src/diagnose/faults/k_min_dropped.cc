#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q2_K Q4_K Q5_K", {}, [](Block& block) { block.dmin = 0; });
}

}  // namespace

const Fault kKMinDropped = {"k_min_dropped",
                            "leaves out the minimum of Q2_K, Q4_K or Q5_K groups",
                            "Subtract it: d * scale * q - dmin * minimum.",
                            "",
                            FaultClass::mistake,
                            propose};

}  // namespace assay::diagnose
