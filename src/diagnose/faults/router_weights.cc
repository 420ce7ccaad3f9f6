#include <algorithm>
#include <array>
#include <variant>

#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

/// The step's output, normalised.
Matrix normalized(Matrix values) {
  for (std::size_t i = 0; i < values.rows; ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < values.width; ++c) sum += values.row(i)[c];
    for (std::size_t c = 0; c < values.width; ++c) values.row(i)[c] /= sum;
  }
  return values;
}

bool is_normalized(const Site& site) {
  const auto& steps = site.plan().steps;
  return std::any_of(steps.begin(), steps.end(), [&](const model::Step& step) {
    return std::holds_alternative<model::Normalize>(step.operation) && step.inputs[0] == site.step().output;
  });
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::Normalize>() != nullptr) {
    hypotheses.push_back({{{"rule", "not_normalised"}}, [](const Site& here) { return here.input(0); }});
    hypotheses.push_back({{{"rule", "softmax_again"}}, [](const Site& here) {
                            model::Step changed = here.step();
                            changed.operation = model::Softmax{};
                            return here.run(changed);
                          }});
  }
  if (site.operation<model::Pick>() == nullptr) return;
  if (!is_normalized(site)) {
    hypotheses.push_back({{{"rule", "normalised"}}, [](const Site& here) { return normalized(here.exact()); }});
  }
  const model::ValueId router = site.sibling("ffn_router");
  if (router < 0 || router == site.step().inputs[0]) return;
  hypotheses.push_back({{{"rule", "scores"}}, [](const Site& here) {
                          const model::ValueId scores = here.sibling("ffn_router");
                          if (scores < 0) return here.exact();
                          model::Step changed = here.step();
                          changed.inputs[0] = scores;
                          return here.run(changed);
                        }});
}

}  // namespace

const Fault kRouterWeights = {
    "router_weights",
    "weights the chosen experts otherwise than the model: does not make their weights add up to 1, does so where the "
    "model "
    "does not, or takes the router's scores for weights",
    "The file does not say (norm_topk_prob): Mixtral and Qwen3 divide by the sum of the chosen, Qwen2 does not.",
    "lablup/mlxcel#391 sgl-project/sglang#35160 openvinotoolkit/openvino#37421",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
