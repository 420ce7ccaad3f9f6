#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q3_K", {{"rule", "offset_missing"}}, [](Block& block) {
    for (std::int32_t& scale : block.scale) scale += 32;
  });
  propose_misread(site, hypotheses, "Q3_K", {{"rule", "high_bits_lost"}}, [](Block& block) {
    for (std::int32_t& scale : block.scale) scale = (scale & 15) - 32;
  });
}

}  // namespace

const Fault kQ3KScales = {"q3_k_scales",
                          "unpacks the scales of Q3_K wrongly: without their -32, or without their upper two bits",
                          "A scale is a nibble of the first 8 bytes plus 16 times two bits of the last 4, minus 32.",
                          "paiml/aprender#2115",
                          FaultClass::mistake,
                          propose};

}  // namespace assay::diagnose
