#include "diagnose/faults/faults.h"
#include "diagnose/faults/rotate.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (turning(site) == nullptr) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          model::Step changed = here.step();
                          auto& rope = std::get<model::Rope>(changed.operation);
                          rope.pairing = rope.pairing == model::RopePairing::halves ? model::RopePairing::neighbours
                                                                                    : model::RopePairing::halves;
                          return here.run(changed);
                        }});
}

}  // namespace

const Fault kRopePairing = {
    "rope_pairing",
    "rotary embedding rotates the wrong channels together: (i, i + d/2) where the weights stand in pairs (2i, 2i + 1), "
    "or the reverse",
    "Rotate the pairs of this architecture; GGUF files of llama have neighbours, those of qwen and gemma halves.",
    "jzhang38/TinyLlama#24 huggingface/candle#3410 warpfront/hipfire#241 ikawrakow/ik_llama.cpp#2290",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
