#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q6_K", {}, [](Block& block) {
    const std::uint8_t* lower = block.bytes;
    const std::uint8_t* upper = block.bytes + 128;
    for (int i = 0; i < 256; ++i) {
      const int low = lower[i / 2] >> (4 * (i % 2)) & 15;
      const int high = upper[i / 4] >> (2 * (i % 4)) & 3;
      block.quant[i] = static_cast<std::int16_t>(low + 16 * high - 32);
    }
  });
}

}  // namespace

const Fault kQ6KSequential = {
    "q6_k_sequential",
    "takes the quants of Q6_K blocks one after another from their nibbles and bit pairs",
    "Each half of 128 values has four runs of 32: the low nibbles of 64 bytes, then their high nibbles; a byte of "
    "upper bits has one pair for each run.",
    "chrishayuk/larql#207 JunSuzukiJapan/rustorch",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
