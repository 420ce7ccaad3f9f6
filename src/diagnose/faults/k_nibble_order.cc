#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

/// The value that a nibble of a byte (0 low, 1 high) belongs to.
std::size_t place(std::size_t byte, std::size_t nibble) { return byte / 32 * 64 + byte % 32 + 32 * nibble; }

// The fifth bits of Q5_K stay with their values.
void propose_order(const Site& site, std::vector<Hypothesis>& hypotheses, const char* order, Misread misread) {
  propose_misread(site, hypotheses, "Q4_K Q5_K", {{"order", order}}, misread);
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_order(site, hypotheses, "interleaved", [](Block& block) {
    move_bits(block.quant, 256, 15, [](std::size_t i) { return place(i / 2, i % 2); });
  });
  propose_order(site, hypotheses, "high_low_swapped",
                [](Block& block) { move_bits(block.quant, 256, 15, [](std::size_t i) { return i ^ 32U; }); });
  propose_order(site, hypotheses, "sequential", [](Block& block) {
    move_bits(block.quant, 256, 15, [](std::size_t i) { return place(i % 128, i / 128); });
  });
}

}  // namespace

const Fault kKNibbleOrder = {
    "k_nibble_order",
    "takes the nibbles of Q4_K or Q5_K blocks in another order: two neighbouring values from each byte, the high "
    "nibbles before the low ones, or all low nibbles before all high ones",
    "Each 32 bytes hold 64 values: first their low nibbles, then their high ones.",
    "cisco-ai-defense/defenseclaw#679 JunSuzukiJapan/rustorch",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
