#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_misread(site, hypotheses, "Q6_K", {}, [](Block& block) {
    for (int i = 0; i < 256; ++i) {
      if (i % 128 >= 32) block.quant[i] = 0;
    }
  });
}

}  // namespace

const Fault kQ6KQuarter = {
    "q6_k_quarter",
    "decodes only the first 32 values of each half of a Q6_K block and leaves three quarters zero",
    "Two bytes of lower bits and one of upper bits give four values, 32 apart.",
    "1bit-MONSTER/1bit-MONSTER#734",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
