#include <algorithm>
#include <array>
#include <vector>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/solve.h"

namespace assay::diagnose {
namespace {

const model::Step* maker(const Site& site, model::ValueId value) {
  const auto& steps = site.plan().steps;
  const auto found = std::find_if(steps.begin(), steps.end(), [&](const auto& step) { return step.output == value; });
  return found == steps.end() ? nullptr : &*found;
}

/// The step's own scale, or that of what an addition adds; null where neither is, or where it is the embedding's.
const model::Scale* scale_of(const Site& site) {
  const bool adds = site.operation<model::Add>() != nullptr;
  const model::Step* step = adds ? maker(site, site.step().inputs[1]) : &site.step();
  if (step == nullptr || !std::holds_alternative<model::Scale>(step->operation)) return nullptr;
  const model::Step* scaled = maker(site, step->inputs[0]);
  if (scaled != nullptr && std::holds_alternative<model::Embed>(scaled->operation)) return nullptr;
  return &std::get<model::Scale>(step->operation);
}

/// With what is scaled times another `factor`.
Matrix run(const Site& here, double factor) {
  if (here.operation<model::Add>() == nullptr) return times(here.exact(), factor);
  const Matrix part = times(here.input(1), factor);
  return here.run(here.step(), std::array{&here.input(0), &part});
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const model::Scale* scale = scale_of(site);
  if (scale == nullptr) return;
  const std::array<Usual, 3> factors = {
      {{1 / scale->factor, "left out"}, {scale->factor, "twice"}, {1 / (scale->factor * scale->factor), "inverse"}}};
  for (const Usual& factor : factors) {
    hypotheses.push_back(
        {{{"factor", factor.text}}, [value = factor.value](const Site& here) { return run(here, value); }});
  }
}

}  // namespace

const Fault kScaleOfModel = {
    "scale_of_model",
    "leaves out a factor that the model has here, applies it twice or divides where it multiplies",
    "In granite multiply what attention and feed-forward add to the stream by residual_scale, and divide logits by "
    "logit_scale.",
    "",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
