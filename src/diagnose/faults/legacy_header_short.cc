#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q4_1", {}, [](Block& block) {
    for (int i = 0; i < 16; ++i) {
      block.quant[i] = static_cast<std::int16_t>(block.bytes[2 + i] & 15);
      block.quant[i + 16] = static_cast<std::int16_t>(block.bytes[2 + i] >> 4);
    }
  });
}

}  // namespace

const Fault kLegacyHeaderShort = {"legacy_header_short",
                                  "reads the nibbles of Q4_1 two bytes too early, where Q4_0 has them",
                                  "A block of Q4_1 has two float16 before its nibbles.",
                                  "ml-explore/mlx#3664",
                                  FaultClass::mistake,
                                  propose};

}  // namespace assay::diagnose
