#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q5_0 Q5_1 Q5_K", {}, [](Block& block) {
    const int offset = block.type.name == "Q5_0" ? 16 : 0;
    for (std::int16_t& quant : block.quants()) quant = static_cast<std::int16_t>((quant & 15) - offset);
  });
}

}  // namespace

const Fault kQ5HighBitsLost = {"q5_high_bits_lost",
                               "ignores the fifth bit of every quant of Q5_0, Q5_1 or Q5_K",
                               "Add 16 to the nibble where the value's bit of the high-bit field is set.",
                               "",
                               FaultClass::mistake,
                               propose};

}  // namespace assay::diagnose
