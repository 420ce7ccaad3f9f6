#include "diagnose/faults/faults.h"
#include "diagnose/faults/rotate.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (turning(site) == nullptr) return;
  propose_positions(
      site, {}, [](const Passage& passage, std::size_t row) { return -static_cast<double>(passage.positions[row]); },
      hypotheses);
}

}  // namespace

const Fault kRopeInverse = {"rope_inverse",
                            "rotates the other way round: the sign of the sine is wrong",
                            "Compute (a cos - b sin, a sin + b cos) for a pair (a, b).",
                            "karpathy/nanochat#489",
                            FaultClass::mistake,
                            propose};

}  // namespace assay::diagnose
