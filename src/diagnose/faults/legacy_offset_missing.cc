#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q4_0 Q5_0 Q4_1 Q5_1", {}, [](Block& block) {
    block.dmin = 0;
    const int offset = block.type.name == "Q4_0" ? 8 : block.type.name == "Q5_0" ? 16 : 0;
    for (std::int16_t& quant : block.quants()) quant = static_cast<std::int16_t>(quant + offset);
  });
}

}  // namespace

const Fault kLegacyOffsetMissing = {
    "legacy_offset_missing",
    "leaves out what legacy blocks add to their quants: the -8 of Q4_0, the -16 of Q5_0, the minimum of Q4_1 and "
    "Q5_1",
    "Q4_0 is d * (q - 8), Q5_0 is d * (q - 16), Q4_1 and Q5_1 are d * q + m.",
    "kekzl/imp#722",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
