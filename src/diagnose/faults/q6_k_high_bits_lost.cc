#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q6_K", {}, [](Block& block) {
    for (std::int16_t& quant : block.quants()) quant = static_cast<std::int16_t>((quant & 15) - 32);
  });
}

}  // namespace

const Fault kQ6KHighBitsLost = {"q6_k_high_bits_lost",
                                "ignores the upper two bits of every quant of Q6_K",
                                "A quant is its nibble plus 16 times its two upper bits, minus 32.",
                                "",
                                FaultClass::mistake,
                                propose};

}  // namespace assay::diagnose
