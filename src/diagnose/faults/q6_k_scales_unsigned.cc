#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q6_K", {}, [](Block& block) {
    for (std::int32_t& scale : block.scale) scale &= 255;
  });
}

}  // namespace

const Fault kQ6KScalesUnsigned = {"q6_k_scales_unsigned",
                                  "reads the group scales of Q6_K as unsigned bytes",
                                  "They are signed: -128 to 127.",
                                  "",
                                  FaultClass::mistake,
                                  propose};

}  // namespace assay::diagnose
