#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

// The fifth bits of Q5_0 and Q5_1 stay with their values: what lies above the nibble (-16 or 0 before it is set) does
// not move. An index into a codebook is a whole value here.
unsigned moved(const Block& block) { return is_one_of("Q5_0 Q5_1", block.type) ? 15U : ~0U; }

void propose_order(const Site& site, std::vector<Hypothesis>& hypotheses, const char* order, Misread misread) {
  propose_misread(site, hypotheses, "Q4_0 Q4_1 Q5_0 Q5_1 IQ4_NL", {{"order", order}}, misread);
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_order(site, hypotheses, "interleaved", [](Block& block) {
    move_bits(block.quant, 32, moved(block), [](std::size_t i) { return i / 2 + i % 2 * 16; });
  });
  propose_order(site, hypotheses, "swapped",
                [](Block& block) { move_bits(block.quant, 32, moved(block), [](std::size_t i) { return i ^ 16U; }); });
}

}  // namespace

const Fault kLegacyNibbleOrder = {
    "legacy_nibble_order",
    "takes the nibbles of Q4_0, Q4_1, Q5_0, Q5_1 or IQ4_NL blocks in another order: two neighbouring values from "
    "each byte, or the high nibbles before the low ones",
    "The low nibble of byte i is value i, its high nibble is value i + 16.",
    "kekzl/imp#722 chrishayuk/larql#207 paiml/aprender#1656 1bit-MONSTER/1bit-MONSTER#572 JunSuzukiJapan/rustorch",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
