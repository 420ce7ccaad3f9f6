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

const model::Step* maker_of(const Site& site, model::ValueId value) {
  const auto& steps = site.plan().steps;
  const auto step = std::find_if(steps.begin(), steps.end(), [&](const auto& other) { return other.output == value; });
  return step == steps.end() ? nullptr : &*step;
}

/// Where the weights are the softmax of the chosen experts' scores: what chose them, else null.
const model::Step* choice_of(const Site& site) {
  if (site.operation<model::Softmax>() == nullptr) return nullptr;
  const model::Step* maker = maker_of(site, site.step().inputs[0]);
  return maker != nullptr && std::holds_alternative<model::Pick>(maker->operation) ? maker : nullptr;
}

/// The softmax over all experts' scores, of which the chosen ones are taken.
Matrix softmax_of_all(const Site& here) {
  const model::Step* pick = choice_of(here);
  if (pick == nullptr) return here.exact();
  const model::ValueId scores = pick->inputs[0];
  const Matrix all =
      here.stepper.run({model::Softmax{}, {scores}, scores}, here.passage, std::array{&here.values.value(scores)});
  const model::Step picked{model::Pick{}, pick->inputs, here.step().output};
  return here.stepper.run(picked, here.passage, std::array{&all, &here.values.value(pick->inputs[1])});
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
  if (choice_of(site) != nullptr) hypotheses.push_back({{{"rule", "softmax_of_all"}}, softmax_of_all});
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
    "The file does not say (norm_topk_prob): Mixtral and Qwen3 divide by the sum of the chosen, Qwen2 does not; "
    "gpt-oss "
    "takes the softmax over the chosen ones' scores.",
    "lablup/mlxcel#391 sgl-project/sglang#35160 openvinotoolkit/openvino#37421",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
