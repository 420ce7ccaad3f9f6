#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/math.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

using Function = double (*)(double);

double sigmoid(double x) { return 1 / (1 + portable_exp(-x)); }

/// As plans call them.
constexpr std::pair<std::string_view, model::Activation> kOfPlans[] = {
    {"silu", model::Activation::silu},
    {"gelu", model::Activation::gelu},
    {"gelu_tanh", model::Activation::gelu_tanh},
    {"clamped_swiglu", model::Activation::clamped_swiglu}};

constexpr std::pair<std::string_view, Function> kOthers[] = {
    {"relu", [](double x) { return std::max(x, 0.0); }},
    {"sigmoid", sigmoid},
    {"relu_squared", [](double x) { return x > 0 ? x * x : 0; }},
    // Hendrycks and Gimpel 2016, section 2.
    {"quick_gelu", [](double x) { return x * sigmoid(1.702 * x); }},
    {"identity", [](double x) { return x; }},
};

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* gated = site.operation<model::GatedActivation>();
  if (gated == nullptr) return;
  for (const auto& [name, activation] : kOfPlans) {
    const bool needs_up = activation == model::Activation::clamped_swiglu;
    if (activation == gated->activation || (needs_up && site.step().inputs.size() < 2)) continue;
    hypotheses.push_back({{{"function", std::string(name)}}, [wrong = activation](const Site& here) {
                            model::Step changed = here.step();
                            std::get<model::GatedActivation>(changed.operation).activation = wrong;
                            return here.run(changed);
                          }});
  }
  for (const auto& [name, function] : kOthers) {
    hypotheses.push_back({{{"function", std::string(name)}}, [wrong = function](const Site& here) {
                            Matrix output = here.input(0);
                            const Matrix* up = here.step().inputs.size() > 1 ? &here.input(1) : nullptr;
                            for (std::size_t i = 0; i < output.values.size(); ++i) {
                              output.values[i] = wrong(output.values[i]) * (up == nullptr ? 1 : up->values[i]);
                            }
                            return output;
                          }});
  }
}

Parameter prescribe(const Site& site) {
  const auto own = std::find_if(std::begin(kOfPlans), std::end(kOfPlans), [&](const auto& known) {
    return known.second == site.operation<model::GatedActivation>()->activation;
  });
  return {"function", std::string(own->first)};
}

}  // namespace

const Fault kActivationFunction = {"activation_function",
                                   "has another activation function in the feed-forward than the model",
                                   "Take the function of the architecture: SiLU for llama and qwen, GELU with tanh for "
                                   "gemma, gpt-oss its own with 1 + up.",
                                   "NVIDIA/TensorRT-Model-Connect#177 huggingface/candle#969",
                                   FaultClass::mistake,
                                   propose,
                                   prescribe};

}  // namespace assay::diagnose
