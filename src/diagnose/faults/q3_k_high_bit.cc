#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q3_K", {{"rule", "inverted"}}, [](Block& block) {
    for (std::int16_t& quant : block.quants()) quant = static_cast<std::int16_t>(quant < 0 ? quant + 4 : quant - 4);
  });
  propose_misread(site, hypotheses, "Q3_K", {{"rule", "lost"}}, [](Block& block) {
    for (std::int16_t& quant : block.quants()) quant = static_cast<std::int16_t>((quant & 3) - 4);
  });
}

}  // namespace

const Fault kQ3KHighBit = {"q3_k_high_bit",
                           "reads the third bit of Q3_K's quants inverted, or not at all",
                           "A quant is its two lower bits, minus 4 where its bit of the mask is clear.",
                           "",
                           FaultClass::mistake,
                           propose};

}  // namespace assay::diagnose
