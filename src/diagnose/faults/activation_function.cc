#include <algorithm>
#include <optional>
#include <string_view>

#include "base/math.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

using Function = double (*)(double);

double sigmoid(double x) { return 1 / (1 + portable_exp(-x)); }

double silu(double x) { return x * sigmoid(x); }

double gelu(double x) {
  constexpr double kHalfRoot = 0.70710678118654752440;  // sqrt(1 / 2)
  return 0.5 * x * portable_erfc(-kHalfRoot * x);
}

double gelu_tanh(double x) {
  return 0.5 * x * (1 + portable_tanh(model::kGeluRoot * (x + model::kGeluCubic * x * x * x)));
}

struct Named {
  std::string_view name;
  Function function;
  std::optional<model::Activation> own;  ///< as plans call it
};

constexpr Named kFunctions[] = {
    {"silu", silu, model::Activation::silu},
    {"gelu", gelu, model::Activation::gelu},
    {"gelu_tanh", gelu_tanh, model::Activation::gelu_tanh},
    {"relu", [](double x) { return std::max(x, 0.0); }, {}},
    {"sigmoid", sigmoid, {}},
    {"relu_squared", [](double x) { return x > 0 ? x * x : 0; }, {}},
    // Hendrycks and Gimpel 2016, section 2.
    {"quick_gelu", [](double x) { return x * sigmoid(1.702 * x); }, {}},
    {"identity", [](double x) { return x; }, {}},
};

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* gated = site.operation<model::GatedActivation>();
  if (gated == nullptr) return;
  for (const Named& named : kFunctions) {
    if (named.own == gated->activation) continue;
    hypotheses.push_back({{{"function", std::string(named.name)}}, [function = named.function](const Site& here) {
                            Matrix output = here.input(0);
                            const Matrix& up = here.input(1);
                            for (std::size_t i = 0; i < output.values.size(); ++i) {
                              output.values[i] = function(output.values[i]) * up.values[i];
                            }
                            return output;
                          }});
  }
}

}  // namespace

const Fault kActivationFunction = {
    "activation_function",
    "has another activation function in the feed-forward than the model",
    "Take the function of the architecture: SiLU for llama and qwen, GELU with tanh for gemma.",
    "NVIDIA/TensorRT-Model-Connect#177 huggingface/candle#969",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
