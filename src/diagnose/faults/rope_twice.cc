#include "diagnose/faults/faults.h"
#include "diagnose/faults/rotate.h"

namespace assay::diagnose {
namespace {

double twice(const Passage& passage, std::size_t row) { return 2 * static_cast<double>(passage.positions[row]); }

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* rope = turning(site);
  if (rope == nullptr) return;
  propose_positions(site, {}, twice, hypotheses);
  if (rope->magnitude == 1) return;
  hypotheses.push_back({{{"magnitude", "twice"}}, [](const Site& here) {
                          model::Rope changed = *here.operation<model::Rope>();
                          changed.magnitude *= changed.magnitude;
                          return rotate(here, changed, twice);
                        }});
}

}  // namespace

const Fault kRopeTwice = {"rope_twice",
                          "applies rotary embedding twice: vectors are turned by twice their angle",
                          "Rotate q and k once; look whether a cached or fused path has rotated them already.",
                          "NVIDIA/TensorRT-LLM#4040",
                          FaultClass::mistake,
                          propose};

}  // namespace assay::diagnose
