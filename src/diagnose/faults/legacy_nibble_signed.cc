#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q4_0", {}, [](Block& block) {
    for (std::int16_t& quant : block.quants()) quant = static_cast<std::int16_t>(quant < 0 ? quant + 8 : quant - 8);
  });
}

}  // namespace

const Fault kLegacyNibbleSigned = {"legacy_nibble_signed",
                                   "reads the nibbles of Q4_0 as signed numbers in two's complement",
                                   "They are unsigned, and 8 is subtracted: 0 stands for -8, 15 for 7.",
                                   "1bit-MONSTER/1bit-MONSTER#572 1bit-MONSTER/1bit-MONSTER#1268",
                                   FaultClass::mistake,
                                   propose};

}  // namespace assay::diagnose
