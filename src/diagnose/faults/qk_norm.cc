#include <utility>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/normalize.h"
#include "diagnose/faults/rotate.h"

namespace assay::diagnose {
namespace {

bool is_of_heads(const Site& site, const model::Step& step) {
  const auto* norm = std::get_if<model::RmsNorm>(&step.operation);
  return norm != nullptr && norm->group < site.plan().values[static_cast<std::size_t>(step.output)].width;
}

const model::Step* maker(const Site& site, model::ValueId value) {
  for (const model::Step& step : site.plan().steps) {
    if (step.output == value) return &step;
  }
  return nullptr;
}

/// The rotation that reads this value.
const model::Step* rotation_of(const Site& site, model::ValueId value) {
  for (const model::Step& step : site.plan().steps) {
    if (std::holds_alternative<model::Rope>(step.operation) && step.inputs[0] == value) return &step;
  }
  return nullptr;
}

/// `rotation` of what `norm` reads.
Matrix rotated(const Site& here, const model::Step& rotation, const model::Step& norm) {
  model::Step changed = rotation;
  changed.inputs = norm.inputs;
  return here.run(changed);
}

Matrix normed(const Site& here, const model::Step& norm, const Matrix& x) {
  return Norming(here.stepper, std::get<model::RmsNorm>(norm.operation))(x);
}

void propose_at_norm(const Site& site, std::vector<Hypothesis>& hypotheses) {
  hypotheses.push_back({{{"rule", "missing"}}, [](const Site& here) { return here.input(0); }});
  hypotheses.push_back({{{"rule", "whole_vector"}}, [](const Site& here) {
                          Norming norming(here);
                          norming.group = here.width();
                          return norming(here.input(0));
                        }});
  if (!has_turns(site.passage) || rotation_of(site, site.step().output) == nullptr) return;
  hypotheses.push_back({{{"rule", "after_rope"}}, [](const Site& here) {
                          const model::Step* rotation = rotation_of(here, here.step().output);
                          if (rotation == nullptr) return here.exact();
                          return normed(here, here.step(), rotated(here, *rotation, here.step()));
                        }});
}

/// The norm of heads that the step reads, or null.
const model::Step* norm_before(const Site& site) {
  const model::Step* before = maker(site, site.step().inputs[0]);
  return before != nullptr && is_of_heads(site, *before) ? before : nullptr;
}

/// Where the value between them was not dumped, or was dumped in the order of the mistake.
void propose_at_rotation(std::vector<Hypothesis>& hypotheses) {
  hypotheses.push_back({{{"rule", "after_rope"}}, [](const Site& here) {
                          const model::Step* norm = norm_before(here);
                          if (norm == nullptr) return here.exact();
                          return normed(here, *norm, rotated(here, here.step(), *norm));
                        }});
  hypotheses.push_back({{{"rule", "after_rope"}, {"dumped", "before the norm"}}, [](const Site& here) {
                          const model::Step* norm = norm_before(here);
                          return norm == nullptr ? here.exact() : rotated(here, here.step(), *norm);
                        }});
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (is_of_heads(site, site.step())) return propose_at_norm(site, hypotheses);
  if (turning(site) != nullptr && norm_before(site) != nullptr) propose_at_rotation(hypotheses);
}

}  // namespace

const Fault kQkNorm = {
    "qk_norm",
    "has the norm of q and k wrong: left out, applied after rotary embedding, or over all heads together",
    "Normalise every head of q and of k by itself, with attn_q_norm and attn_k_norm, before rotary embedding.",
    "sbryngelson/ANEForge#253 onnxruntime/mobius#396",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose
