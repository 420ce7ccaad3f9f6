#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q8_0", {}, [](Block& block) {
    for (std::int16_t& quant : block.quants()) quant = static_cast<std::int16_t>(quant & 255);
  });
}

}  // namespace

const Fault kQ8Unsigned = {"q8_unsigned",
                           "reads the quants of Q8_0 as unsigned bytes",
                           "They are signed: -128 to 127.",
                           "",
                           FaultClass::mistake,
                           propose};

}  // namespace assay::diagnose
