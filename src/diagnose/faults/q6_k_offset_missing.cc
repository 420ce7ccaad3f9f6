#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q6_K", {}, [](Block& block) {
    for (std::int16_t& quant : block.quants()) quant = static_cast<std::int16_t>(quant + 32);
  });
}

}  // namespace

const Fault kQ6KOffsetMissing = {"q6_k_offset_missing",
                                 "leaves out the -32 of Q6_K's quants",
                                 "A value is d * scale * (q - 32).",
                                 "",
                                 FaultClass::mistake,
                                 propose};

}  // namespace assay::diagnose
