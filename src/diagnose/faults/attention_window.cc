#include <algorithm>
#include <string>

#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void push(const Site& site, const char* rule, std::size_t window, std::vector<Hypothesis>& hypotheses) {
  std::vector<Parameter> parameters = {{"rule", rule}};
  if (window != 0) parameters.push_back({"window", std::to_string(window)});
  propose_seen(
      site, parameters,
      [window](const Passage& /*passage*/, std::size_t row, std::size_t key, model::Attention attention) {
        attention.window = window;
        return sees_rightly(attention, row, key);
      },
      hypotheses);
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* attention = site.operation<model::Attention>();
  if (attention == nullptr) return;
  if (attention->window != 0) {
    push(site, "ignored", 0, hypotheses);
    push(site, "off_by_one", attention->window + 1, hypotheses);
    if (attention->window > 1) push(site, "off_by_one", attention->window - 1, hypotheses);
    return;
  }
  for (const model::Step& step : site.plan().steps) {
    const auto* other = std::get_if<model::Attention>(&step.operation);
    if (other != nullptr && other->window != 0) return push(site, "wrong_layers", other->window, hypotheses);
  }
}

Parameter prescribe(const Site& site) {
  const std::size_t window = site.operation<model::Attention>()->window;
  return {"window", window == 0 ? "none" : std::to_string(window)};
}

}  // namespace

const Fault kAttentionWindow = {
    "attention_window",
    "has the sliding window of attention wrong: left out, one token too long or too short, or on the wrong "
    "layers",
    "Let a token of a windowed layer see itself and the window - 1 tokens before it, and look up which layers "
    "have a window.",
    "kekzl/imp#569 ggml-org/llama.cpp#8227 quic/efficient-transformers#1250",
    FaultClass::mistake,
    propose,
    prescribe};

}  // namespace assay::diagnose
