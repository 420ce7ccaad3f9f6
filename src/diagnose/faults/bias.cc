#include <utility>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

void propose_for_experts(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::ExpertLinear>()->bias == model::kNoWeight) return;
  hypotheses.push_back({{{"rule", "dropped"}}, [](const Site& here) {
                          model::Step changed = here.step();
                          std::get<model::ExpertLinear>(changed.operation).bias = model::kNoWeight;
                          return here.run(changed);
                        }});
  hypotheses.push_back({{{"rule", "twice"}}, [](const Site& here) {
                          Matrix output = here.exact();
                          add_bias(here, output);
                          return output;
                        }});
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::ExpertLinear>() != nullptr) return propose_for_experts(site, hypotheses);
  const auto* linear = site.operation<model::Linear>();
  if (linear == nullptr || linear->bias == model::kNoWeight) return;
  hypotheses.push_back({{{"rule", "dropped"}}, [](const Site& here) {
                          model::Step changed = here.step();
                          std::get<model::Linear>(changed.operation).bias = model::kNoWeight;
                          return here.run(changed);
                        }});
  hypotheses.push_back({{{"rule", "twice"}}, [](const Site& here) {
                          const model::WeightId bias = here.operation<model::Linear>()->bias;
                          Matrix output = here.exact();
                          if (bias == model::kNoWeight) return output;
                          const Matrix again = here.stepper.decode(bias);
                          for (std::size_t i = 0; i < output.values.size(); ++i) {
                            output.values[i] += again.values[i % output.width];
                          }
                          return output;
                        }});
}

}  // namespace

const Fault kBias = {"bias",
                     "drops the bias of a linear step, or adds it twice",
                     "Add the tensor <name>.bias wherever the file has one; qwen2 has biases for q, k and v.",
                     "sbryngelson/ANEForge#253 1bit-MONSTER/1bit-MONSTER#1728 onnxruntime/mobius#396 "
                     "huggingface/transformers#35060 quantumaikr/quant.cpp#82",
                     FaultClass::mistake,
                     propose};

}  // namespace assay::diagnose
