#include <utility>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q4_K Q5_K", {{"rule", "high_bits_lost"}}, [](Block& block) {
    for (int group = 4; group < 8; ++group) {
      block.scale[group] = block.scale[group] & 15;
      block.min[group] = block.min[group] & 15;
    }
  });
  propose_misread(site, hypotheses, "Q4_K Q5_K", {{"rule", "plain_bytes"}}, [](Block& block) {
    for (int group = 0; group < 8; ++group) {
      block.scale[group] = block.bytes[4 + group];
      block.min[group] = block.bytes[8 + group];
    }
  });
  propose_misread(site, hypotheses, "Q4_K Q5_K", {{"rule", "plain_six_bits"}}, [](Block& block) {
    for (int group = 0; group < 8; ++group) {
      block.scale[group] = block.bytes[4 + group] & 63;
      block.min[group] = block.bytes[8 + group] & 63;
    }
  });
  propose_misread(site, hypotheses, "Q4_K Q5_K", {{"rule", "scales_mins_swapped"}},
                  [](Block& block) { std::swap(block.scale, block.min); });
}

}  // namespace

const Fault kKScalesUnpacked = {
    "k_scales_unpacked",
    "unpacks the 12 bytes of scales and minimums of Q4_K or Q5_K wrongly",
    "Groups 0 to 3 have their 6 bits in bytes j (scale) and j + 4 (minimum); groups 4 to 7 have four bits in the "
    "nibbles of byte j + 4 and two in the top bits of bytes j - 4 and j.",
    "paiml/aprender#2141 JunSuzukiJapan/rustorch",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
