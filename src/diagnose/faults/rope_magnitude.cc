#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* rope = site.operation<model::Rope>();
  if (rope == nullptr || rope->magnitude == 1) return;
  for (const int power : {0, 2}) {
    hypotheses.push_back({{{"power", power == 0 ? "0" : "2"}}, [power](const Site& here) {
                            model::Step changed = here.step();
                            double& magnitude = std::get<model::Rope>(changed.operation).magnitude;
                            magnitude = power == 0 ? 1 : magnitude * magnitude;
                            return here.run(changed);
                          }});
  }
}

}  // namespace

const Fault kRopeMagnitude = {
    "rope_magnitude",
    "leaves out the magnitude that YaRN gives to rotated vectors, or applies it twice",
    "Multiply q and k, each once, by the magnitude that follows from rope.scaling.factor and attn_factor.",
    "kekzl/imp#880 guoqingbao/xinfer#329 ikawrakow/ik_llama.cpp#1298",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
