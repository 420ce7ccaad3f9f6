#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

std::int16_t five_bits(const Block& block, int i, int nibble) {
  return static_cast<std::int16_t>(nibble + 16 * (block.bytes[16 + i / 8] >> (i % 8) & 1));
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q5_K", {{"nibbles", "right"}}, [](Block& block) {
    for (int i = 0; i < 256; ++i) block.quant[i] = five_bits(block, i, block.quant[i] & 15);
  });
  propose_misread(site, hypotheses, "Q5_K", {{"nibbles", "interleaved"}}, [](Block& block) {
    for (int i = 0; i < 256; ++i) block.quant[i] = five_bits(block, i, block.bytes[48 + i / 2] >> (4 * (i % 2)) & 15);
  });
}

}  // namespace

const Fault kQ5KBitsSequential = {"q5_k_bits_sequential",
                                  "takes the fifth bits of Q5_K blocks one after another, eight values from each byte",
                                  "Bit g of byte l belongs to value 32 g + l.",
                                  "paiml/aprender#3113 paiml/aprender#2127",
                                  FaultClass::mistake,
                                  propose};

}  // namespace assay::diagnose
