#include "diagnose/faults/faults.h"
#include "diagnose/faults/precision.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* linear = site.operation<model::Linear>();
  if (linear == nullptr || !site.tensor(linear->weight).type->is_quantized()) return;
  propose_arithmetic<engine::Arithmetic::q8>(site, hypotheses);
}

}  // namespace

const Fault kQ8Activations = {"q8_activations",
                              "quantizes the activations of linear steps to 8 bits, as ggml does on a CPU",
                              "Expected of engines that multiply quantized weights in integers; it is no mistake.",
                              "warpfront/hipfire#302 ggml-org/llama.cpp#8416",
                              FaultClass::rounding,
                              propose};

}  // namespace assay::diagnose
