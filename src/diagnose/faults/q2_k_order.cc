#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q2_K", {{"order", "sequential"}}, [](Block& block) {
    const std::uint8_t* packed = block.bytes + 16;
    for (int i = 0; i < 256; ++i) block.quant[i] = static_cast<std::int16_t>(packed[i / 4] >> (2 * (i % 4)) & 3);
  });
}

}  // namespace

const Fault kQ2KOrder = {
    "q2_k_order",
    "takes the quants of Q2_K blocks one after another, four from each byte",
    "Each 32 bytes hold 128 values in four runs of 32: bits 0 and 1 of all bytes, then bits 2 and 3, and so on.",
    "paiml/aprender#1924",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
