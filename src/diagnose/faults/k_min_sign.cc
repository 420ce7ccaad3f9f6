#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q2_K Q4_K Q5_K", {}, [](Block& block) { block.dmin = -block.dmin; });
}

}  // namespace

const Fault kKMinSign = {"k_min_sign",
                         "adds the minimum of Q2_K, Q4_K or Q5_K groups",
                         "It is subtracted: d * scale * q - dmin * minimum.",
                         "",
                         FaultClass::mistake,
                         propose};

}  // namespace assay::diagnose
